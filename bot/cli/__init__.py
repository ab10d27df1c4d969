"""The command line, one module per command. Each ends the process with the exit code that it names."""
