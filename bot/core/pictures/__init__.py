"""Pictures: what a model takes, what it costs, and the work from a prompt to files in the outbox."""
