"""One file per group of commands: Discord in, one call, Discord out."""
