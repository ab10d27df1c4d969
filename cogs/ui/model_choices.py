"""The options about models that commands share, and how a model's price is put."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Final

import discord
from discord.app_commands import Choice, Range

from bot.app import Parley
from bot.core.catalogue import Capability, ModelEntry, Price
from bot.core.limits import TEMPERATURE
from bot.core.pictures.models import PictureModel
from bot.core.pictures.pricing import usual_usd

MODEL_CHARS: Final = 100  # of a choice's name and value (Discord)
CHOICES: Final = 25  # of an autocomplete (Discord)

CENT: Final = Decimal("0.01")

Model = Range[str, 1, MODEL_CHARS]
Temperature = Range[float, TEMPERATURE[0], TEMPERATURE[1]]


def price_words(price: Price, pictures: PictureModel | None = None) -> str:
    """Return a price in US dollars, in the unit that the model is paid by; ``pictures``: what it draws, if it does."""
    if price.per_minute is not None:
        return f"${price.per_minute:f} per minute"
    if price.per_million_chars is not None:
        return f"${price.per_million_chars:f} per 1M characters"
    if price.per_picture is not None:
        return f"${price.per_picture:f} per picture"
    if pictures is not None and (usd := usual_usd(pictures, price)) is not None:
        return f"about ${usd:.2f} a picture" if usd >= CENT else f"less than ${CENT} a picture"
    if price.audio_output is not None:
        return f"${price.input:f} in, ${price.audio_output:f} sound per 1M tokens"
    return f"${price.input:f} in, ${price.output:f} out per 1M tokens"


def model_label(name: str, entry: ModelEntry, on: date) -> str:
    """Return a model's line in the list of choices: its price and the day it is shut down."""
    price = entry.price(on)
    cost = f" · {price_words(price, entry.pictures)}" if price is not None else ""
    until = f" · until {entry.shutdown.isoformat()}" if entry.shutdown is not None else ""
    return f"{name}{cost}{until}"[:MODEL_CHARS]


def model_choices(interaction: discord.Interaction[Parley], capability: Capability, typed: str) -> list[Choice[str]]:
    """Return the models of a capability whose names have in them what was typed."""
    services = interaction.client.services
    today = services.clock.now().date()
    return [
        Choice(name=model_label(name, entry, today), value=name)
        for name, entry in services.offering.known(capability)
        if typed.casefold() in name.casefold()
    ][:CHOICES]
