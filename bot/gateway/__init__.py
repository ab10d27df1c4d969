"""Everything between discord.py and Discord: the supervisor of the gateway connection, and the discipline of REST."""
