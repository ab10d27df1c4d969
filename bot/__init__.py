"""Parley: a self-hosted Discord bot that brings the OpenAI API to team chat servers."""

__version__ = "0.1.0"
