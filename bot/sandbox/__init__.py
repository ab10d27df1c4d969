"""The bot on a local Discord-like page, with a stand-in for the OpenAI API. Nothing in production imports it."""
