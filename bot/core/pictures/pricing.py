"""What pictures cost: the worst case before, the cost after. All amounts are millionths of a US dollar, rounded up."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

from bot.core.catalogue import Price
from bot.core.pictures.mapping import AUTO, edges_of
from bot.core.pictures.models import SQUARE_PIXELS, PictureModel
from bot.core.pictures.ports import PictureRequest
from bot.core.ports.money import MediaUsage
from bot.core.tokens import estimate_tokens

MICRO = 1_000_000
PROMPT_FACTOR = 2  # the estimate of a short text may be off by as much
# A 1024x1024 input costs some 1,100 tokens in the newest models; the older ones with high fidelity took up to 6,240.
INPUT_PICTURE_TOKENS = 6_500
PARTIAL_TOKENS = 100
AUTO_PIXELS = 1536 * 1024  # the largest that auto chooses


def worst_call_micro_usd(
    call: PictureRequest, takes: PictureModel, price: Price | None, *, unpriced_micro_usd: int
) -> int:
    """Return the most that one call can cost."""
    if price is None:
        return unpriced_micro_usd
    if price.per_picture is not None:
        return _micro(call.count * price.per_picture * MICRO)
    output = call.count * _output_tokens(call, takes) + call.partials * PARTIAL_TOKENS
    if output == 0:
        return unpriced_micro_usd  # nobody knows how many tokens a picture of this model has
    inputs = len(call.pictures) + (call.mask is not None)
    return _micro(
        PROMPT_FACTOR * (estimate_tokens(call.prompt) + 100) * price.input
        + inputs * INPUT_PICTURE_TOKENS * _image_input(price)
        + output * price.output
    )


def cost_micro_usd(usage: MediaUsage | None, price: Price | None, *, worst_micro_usd: int) -> int:
    """Return what one call cost: the worst case where the server returned no usage that can be priced."""
    if price is None or usage is None:
        return worst_micro_usd
    if price.per_picture is not None:
        return _micro(usage.pictures * price.per_picture * MICRO)
    if usage.output_tokens == 0:
        return worst_micro_usd
    pictures = min(usage.input_image_tokens, usage.input_tokens)
    return _micro(
        (usage.input_tokens - pictures) * price.input
        + pictures * _image_input(price)
        + usage.output_tokens * price.output
    )


def _output_tokens(call: PictureRequest, takes: PictureModel) -> int:
    tokens = takes.output_tokens.get(call.quality or AUTO, takes.most_output_tokens)
    edges = edges_of(call.size) if call.size is not None else None
    pixels = edges[0] * edges[1] if edges is not None else AUTO_PIXELS
    return -(-tokens * max(pixels, SQUARE_PIXELS) // SQUARE_PIXELS)


def _image_input(price: Price) -> Decimal:
    return price.input if price.image_input is None else price.image_input


def _micro(amount: Decimal) -> int:
    return int(amount.to_integral_value(rounding=ROUND_CEILING))
