"""The bot to compare with: discord.py, the SDK and nothing else. It stores nothing, knows no history, recovers nothing.

It reads the same environment variables as Parley.
"""

from __future__ import annotations

import os
import time

import discord
import openai
import yarl

MODEL = "gpt-6-luna"
EDIT_SECONDS = 1.2


class BareBot(discord.Client):
    """Answers a mention: the first words at once, an edit now and then, the whole at the end."""

    def __init__(self, provider: openai.AsyncOpenAI) -> None:
        intents = discord.Intents(guilds=True, guild_messages=True)
        super().__init__(intents=intents, allowed_mentions=discord.AllowedMentions.none())
        self._provider = provider

    async def on_message(self, message: discord.Message) -> None:
        if message.author.bot or self.user not in message.mentions:
            return
        stream = await self._provider.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": message.content}], stream=True
        )
        text = ""
        reply: discord.Message | None = None
        edit_at = 0.0
        async for chunk in stream:
            text += (chunk.choices[0].delta.content or "") if chunk.choices else ""
            if text and time.perf_counter() >= edit_at:
                if reply is None:
                    reply = await message.reply(text, mention_author=False)
                else:
                    await reply.edit(content=text)
                edit_at = time.perf_counter() + EDIT_SECONDS
        if reply is not None:
            await reply.edit(content=text)


if __name__ == "__main__":
    discord.http.Route.BASE = os.environ["DISCORD_API_URL"]
    discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(os.environ["DISCORD_GATEWAY_URL"])
    BareBot(openai.AsyncOpenAI()).run(os.environ["DISCORD_TOKEN"])
