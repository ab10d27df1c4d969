"""What the real chat endpoint refuses, refused the same way: status, code, type, param."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from bot.sandbox.standin.models import VOICES, ModelCard, model_card
from bot.sandbox.standin.refusals import Refusal, invalid, not_offered, unsupported_parameter, unsupported_value
from bot.sandbox.standin.tokens import text_of

ROLES = ("system", "assistant", "user", "function", "tool", "developer")
PARTS = {"system": ("text",), "developer": ("text",), "assistant": ("text", "refusal"), "tool": ("text",)}
USER_PARTS = ("text", "image_url", "input_audio", "file")
AUDIO_FORMATS = ("wav", "aac", "mp3", "flac", "opus", "pcm16")
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")

DECIMALS = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "frequency_penalty": (-2, 2),
    "presence_penalty": (-2, 2),
}
CAPS = ("max_completion_tokens", "max_tokens")
STRINGS = {"prompt_cache_key": None, "reasoning_effort": None, "safety_identifier": 64, "user": None, "verbosity": None}
BOOLEANS = ("store", "stream")

# Taken, with no effect here.
IGNORED = frozenset({
    "logit_bias", "metadata", "modalities", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention",
    "safety_identifier", "seed", "service_tier", "store", "user", "verbosity",
})  # fmt: skip
# Part of the API, and not of this stand-in.
NOT_OFFERED = frozenset({
    "function_call", "functions", "logprobs", "moderation", "parallel_tool_calls", "prediction",
    "tool_choice", "tools", "top_logprobs", "web_search_options",
})  # fmt: skip
KNOWN = frozenset({
    *DECIMALS, *CAPS, *STRINGS, *BOOLEANS, *IGNORED, "audio", "messages", "model", "n", "response_format", "stop",
    "stream_options",
})  # fmt: skip


def check_chat(body: Any) -> ModelCard:
    """Return the card of the model that is asked for; raise the refusal of a request that the API does not take."""
    if not isinstance(body, dict):
        raise Refusal("The body of the request is not a JSON object.")
    given = {name: value for name, value in body.items() if value is not None}
    if not isinstance(given.get("model"), str):
        raise Refusal("You must provide a model parameter.")
    card = model_card(given["model"])
    for name in given:
        if name in card.refused:
            raise unsupported_parameter(name, card.refused[name])
        if name in NOT_OFFERED:
            raise not_offered(name)
        if name not in KNOWN:
            raise Refusal(f"Unknown parameter: '{name}'.", code="unknown_parameter", param=name)
    _check_types(given)
    _check_reasoning(given, card)
    _check_caps(given, card)
    _check_stream(given)
    _check_audio(given, card)
    _check_messages(given.get("messages"))
    _check_format(given)
    return card


def check_context(card: ModelCard, prompt_tokens: int) -> None:
    """Refuse a prompt that leaves no room for an answer."""
    if prompt_tokens >= card.context_tokens:
        raise Refusal(
            f"This model's maximum context length is {card.context_tokens} tokens. However, your messages resulted in "
            f"{prompt_tokens} tokens. Please reduce the length of the messages.",
            code="context_length_exceeded",
            param="messages",
        )


def _wrong_type(name: str, expected: str) -> Refusal:
    return Refusal(f"Invalid type for '{name}': expected {expected}.", code="invalid_type", param=name)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check_types(given: Mapping[str, Any]) -> None:
    for name, (low, high) in DECIMALS.items():
        value = given.get(name, low)
        if not _is_number(value):
            raise _wrong_type(name, "a decimal")
        if value < low:
            raise invalid(name, f"expected a value >= {low}, but got {value} instead.", "decimal_below_min_value")
        if value > high:
            raise invalid(name, f"expected a value <= {high}, but got {value} instead.", "decimal_above_max_value")
    for name, longest in STRINGS.items():
        value = given.get(name, "")
        if not isinstance(value, str):
            raise _wrong_type(name, "a string")
        if longest is not None and len(value) > longest:
            raise invalid(name, f"expected at most {longest} characters.", "string_above_max_length")
    for name in BOOLEANS:
        if not isinstance(given.get(name, False), bool):
            raise _wrong_type(name, "a boolean")
    if given.get("n", 1) != 1:
        raise invalid("n", "the stand-in gives one answer per request.")
    stop = given.get("stop", "")
    stops = [stop] if isinstance(stop, str) else stop
    if not isinstance(stops, list) or len(stops) > 4 or not all(isinstance(one, str) for one in stops):
        raise invalid("stop", "expected a string, or up to four.")


def _check_reasoning(given: Mapping[str, Any], card: ModelCard) -> None:
    if not card.efforts:
        return
    effort = given.get("reasoning_effort", card.default_effort)
    if effort not in EFFORTS:
        names = ", ".join(f"'{one}'" for one in EFFORTS)
        raise invalid("reasoning_effort", f"'{effort}'. Supported values are: {names}.")
    if effort not in card.efforts:
        names = ", ".join(f"'{one}'" for one in card.efforts)
        sentence = f"'{effort}' is not supported with the '{card.name}' model. Supported values are: {names}."
        raise unsupported_value("reasoning_effort", sentence)
    if effort == "none":
        return
    if given.get("temperature", 1) != 1:
        sentence = f"'temperature' does not support {given['temperature']} with this model. Only the default (1) is."
        raise unsupported_value("temperature", sentence)
    if "top_p" in given:
        raise unsupported_parameter("top_p")


def _check_caps(given: Mapping[str, Any], card: ModelCard) -> None:
    if all(name in given for name in CAPS):
        raise invalid("max_tokens", "'max_tokens' and 'max_completion_tokens' cannot both be set.")
    for name in CAPS:
        cap = given.get(name, 1)
        if not isinstance(cap, int) or isinstance(cap, bool):
            raise _wrong_type(name, "an integer")
        if cap < 1:
            raise invalid(name, f"expected a value >= 1, but got {cap} instead.", "integer_below_min_value")
        if cap > card.answer_tokens:
            raise Refusal(
                f"{name} is too large: {cap}. This model supports at most {card.answer_tokens} completion tokens.",
                code="invalid_value",
                param=name,
            )


def _check_stream(given: Mapping[str, Any]) -> None:
    options = given.get("stream_options", {})
    if not isinstance(options, dict):
        raise _wrong_type("stream_options", "an object")
    if "stream_options" in given and not given.get("stream"):
        raise invalid("stream_options", "it is only allowed when 'stream' is true.")
    for name in options:
        if name not in ("include_usage", "include_obfuscation"):
            where = f"stream_options.{name}"
            raise Refusal(f"Unknown parameter: '{where}'.", code="unknown_parameter", param=where)


def _check_audio(given: Mapping[str, Any], card: ModelCard) -> None:
    modalities = given.get("modalities", ["text"])
    if not isinstance(modalities, list) or not set(modalities) <= {"text", "audio"}:
        raise invalid("modalities", "expected a list of 'text' and 'audio'.")
    wanted = "audio" in modalities
    if wanted != ("audio" in given):
        raise invalid("audio", "it goes together with 'audio' among the modalities.")
    if wanted and not card.speaks:
        raise unsupported_value("modalities", "this model gives text only.")
    if card.speaks and not wanted:
        raise unsupported_value("modalities", "this model requires 'audio' among them.")
    if not wanted:
        return
    audio = given["audio"]
    if not isinstance(audio, dict) or audio.keys() != {"voice", "format"}:
        raise invalid("audio", "expected an object with 'voice' and 'format'.")
    if audio["voice"] not in VOICES - {"verse"}:
        raise invalid("audio.voice", "no such voice.")
    if audio["format"] not in AUDIO_FORMATS:
        raise invalid("audio.format", "no such format.")
    if given.get("stream"):
        raise unsupported_value("stream", "the stand-in gives sound in one piece.")


def _check_messages(messages: object) -> None:
    if messages is None:
        raise Refusal("Missing required parameter: 'messages'.", code="missing_required_parameter", param="messages")
    if not isinstance(messages, list):
        raise _wrong_type("messages", "an array of objects")
    if not messages:
        raise invalid("messages", "expected an array of at least 1, but got an empty array instead.", "empty_array")
    for index, message in enumerate(messages):
        if not isinstance(message, dict):
            raise _wrong_type(f"messages[{index}]", "an object")
        _check_message(message, f"messages[{index}]")


def _check_message(message: Mapping[str, Any], where: str) -> None:
    role = message.get("role")
    if role not in ROLES:
        names = ", ".join(f"'{one}'" for one in ROLES)
        raise Refusal(
            f"Invalid value: '{role}'. Supported values are: {names}.", code="invalid_value", param=f"{where}.role"
        )
    name = message.get("name")
    if name is not None and not (isinstance(name, str) and re.fullmatch(r"[^\s<|\\/>]{1,64}", name)):
        raise invalid(f"{where}.name", r"expected up to 64 characters without spaces and <|\/>.")
    content = message.get("content")
    if content is None and role != "assistant":
        raise Refusal(
            f"Invalid value for 'content': expected a string, got null ({where}).",
            code="invalid_value",
            param=f"{where}.content",
        )
    if content is None or isinstance(content, str):
        return
    if not isinstance(content, list):
        raise _wrong_type(f"{where}.content", "a string or an array of parts")
    for index, part in enumerate(content):
        kinds = PARTS.get(role, USER_PARTS)
        if not isinstance(part, dict) or part.get("type") not in kinds:
            raise invalid(f"{where}.content[{index}]", f"a part for this role is one of: {', '.join(kinds)}.")
        if part["type"] == "text" and not isinstance(part.get("text"), str):
            raise _wrong_type(f"{where}.content[{index}].text", "a string")


def _check_format(given: Mapping[str, Any]) -> None:
    wanted = given.get("response_format", {"type": "text"})
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    if kind not in ("text", "json_object", "json_schema"):
        raise invalid("response_format.type", "supported values are: 'text', 'json_object', and 'json_schema'.")
    messages: Sequence[Mapping[str, Any]] = given["messages"]
    if kind == "json_object" and not any("json" in text_of(message).lower() for message in messages):
        raise Refusal(
            "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
            param="messages",
        )
    if kind == "json_schema":
        named = wanted.get("json_schema")
        if not isinstance(named, dict) or not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", str(named.get("name", ""))):
            raise invalid("response_format.json_schema.name", "expected 1 to 64 of a-z, A-Z, 0-9, _ and -.")
        if not isinstance(named.get("schema"), dict):
            raise _wrong_type("response_format.json_schema.schema", "an object")
