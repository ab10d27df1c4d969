"""What is kept: the only importer of aiosqlite, and all of the SQL."""
