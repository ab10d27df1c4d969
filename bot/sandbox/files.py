"""Files in the simulated Discord, which lie in this process and nowhere else."""

from __future__ import annotations

import discord

from bot.core.errors.files import FileProblem, FileRefused
from bot.core.ports.files import AttachedFile


async def fetch_simulated(file: AttachedFile, *, limit_bytes: int) -> bytes:
    """Return the file's bytes; implements ``FetchFile``."""
    try:
        content = await file.read()
    except discord.HTTPException:
        raise FileRefused(FileProblem.GONE) from None
    if len(content) > limit_bytes:
        raise FileRefused(FileProblem.TOO_LARGE)
    return content
