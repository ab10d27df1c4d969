"""What a call to the chat model can cost at most, and what it did cost."""

from __future__ import annotations

from bot.core.conversation import Usage
from bot.core.limits import ANSWER_TOKENS
from bot.core.parts import Parts
from bot.core.ports.chat import ChatRequest
from bot.core.ports.money import Reservation, Settlement
from bot.core.tokens import unfitted_bytes


def worst_case(parts: Parts, capability: str, request: ChatRequest, estimated_tokens: int) -> Reservation:
    """Return what a request can cost at most; ``estimated_tokens`` is the estimate of its prompt."""
    texts = [message.text for message in request.messages]
    if request.json_schema is not None:
        texts.append(request.json_schema.instructions)
    unsure_tokens = sum(map(unfitted_bytes, texts))
    micro_usd = parts.catalogue.worst_case_micro_usd(
        request.model,
        prompt_tokens=parts.token_ratios.at_most(request.model, estimated_tokens) + unsure_tokens,
        max_tokens=request.max_tokens,
        on=parts.clock.now().date(),
        unpriced_micro_usd=parts.policy.unpriced_call_micro_usd,
    )
    return Reservation(capability, request.model, micro_usd)


def ordinary_micro_usd(parts: Parts) -> int:
    """Return what an ordinary question can cost at most: the operator's model, a full prompt, an uncapped answer."""
    today = parts.clock.now().date()
    model = parts.catalogue.resolve(parts.policy.model, today).model
    return parts.catalogue.worst_case_micro_usd(
        model,
        prompt_tokens=parts.token_ratios.at_most(model, parts.policy.prompt_tokens),
        max_tokens=ANSWER_TOKENS,
        on=today,
        unpriced_micro_usd=parts.policy.unpriced_call_micro_usd,
    )


def settlement_of(parts: Parts, reservation: Reservation, usage: Usage | None) -> Settlement:
    """Return what a call cost: all that was reserved where the server returned no usage or the model has no price."""
    today = parts.clock.now().date()
    cost = None if usage is None else parts.catalogue.cost_micro_usd(reservation.model, usage, today)
    version = parts.catalogue.price_version(reservation.model, today)
    return Settlement(reservation.micro_usd if cost is None else cost, usage, version)
