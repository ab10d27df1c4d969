"""Reads what members attach: fetched with limits, and looked into by a child process that can be killed."""
