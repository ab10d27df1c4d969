"""The models that members name: which of them they may use, and which may be written down."""

from __future__ import annotations

import re
from dataclasses import replace

from bot.core.catalogue import Capability
from bot.core.errors.limits import ModelNotAllowed, ModelUnpriced
from bot.core.errors.provider import ModelNotFound
from bot.core.parts import Parts
from bot.core.ports.money import Reservation

MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,99}")


def check_allowed(parts: Parts, model: str | None, capability: Capability = "chat") -> None:
    """Raise ``ModelNotAllowed`` when a member chose what the operator does not allow, or what is replaced by that.

    ``ModelNotFound`` when it is no model's name at all, and is not repeated; ``ModelUnpriced`` when the budget could
    not hold what it costs. The operator's own model, and what replaces it, is never refused.
    """
    policy = parts.policy
    if model is None or model == policy.model or model in policy.own_models:
        return
    if not MODEL_NAME.fullmatch(model):
        raise ModelNotFound(model="…")
    today = parts.clock.now().date()
    resolved = parts.catalogue.resolve(model, today).model
    if model not in policy.allowed_models or resolved not in policy.allowed_models:
        raise ModelNotAllowed(model, allowed=str(policy.allowed_models))
    is_priced = parts.catalogue.entry(resolved).price(today) is not None
    if capability in policy.priced_only and not is_priced and not policy.allowed_models.names_model(model):
        raise ModelUnpriced(model=model)


def loggable_model(parts: Parts, model: str) -> str:
    """Return a model's name for the log: a member may write anything there, and some servers take it."""
    policy = parts.policy
    own = {policy.model, *policy.own_models, *policy.allowed_models.whole_names}
    known = model in own or parts.catalogue.knows(model)
    return model if known else "other"


def recorded(parts: Parts, reservation: Reservation) -> Reservation:
    """Return a reservation as it is written down for good: without a model's name that may be a member's words."""
    return replace(reservation, model=loggable_model(parts, reservation.model))
