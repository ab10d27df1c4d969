"""OpenAI's contract as a check: its JSON Schemas where the specs are, and the SDK's own key sets always.

The schemas are read from ``$PARLEY_SPECS`` (default ``../shared/specs``); they are not part of this repository.
"""

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from openai.types.audio.speech_create_params import SpeechCreateParams
from openai.types.chat import (
    ChatCompletionAssistantMessageParam,
    ChatCompletionDeveloperMessageParam,
    ChatCompletionSystemMessageParam,
    ChatCompletionToolMessageParam,
    ChatCompletionUserMessageParam,
)
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming
from openai.types.image_create_variation_params import ImageCreateVariationParams
from openai.types.image_edit_params import ImageEditParamsStreaming
from openai.types.image_generate_params import ImageGenerateParamsStreaming
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from bot.sandbox.standin.bodies import Upload

SPECS = Path(os.environ.get("PARLEY_SPECS") or Path(__file__).parent.parent.parent / "shared" / "specs")
OPENAI_SPEC = SPECS / "openai-subset.json"
NO_SPEC = f"{OPENAI_SPEC.name} is not in the specs folder ($PARLEY_SPECS)"


# (method, path): the schema's name in the spec, the keys that the SDK knows. The schemas themselves let any key pass.
REQUESTS = {
    ("POST", "/v1/chat/completions"): (
        "CreateChatCompletionRequest",
        CompletionCreateParamsStreaming.__annotations__.keys(),
    ),
    ("POST", "/v1/images/generations"): ("CreateImageRequest", ImageGenerateParamsStreaming.__annotations__.keys()),
    ("POST", "/v1/images/edits"): ("CreateImageEditRequest", ImageEditParamsStreaming.__annotations__.keys()),
    ("POST", "/v1/images/variations"): (
        "CreateImageVariationRequest",
        ImageCreateVariationParams.__annotations__.keys(),
    ),
    ("POST", "/v1/audio/speech"): ("CreateSpeechRequest", SpeechCreateParams.__annotations__.keys()),
}
# Values that are newer than the spec (the SDK's reference of images.generate).
NEWER = {
    "quality": ["xhigh", "max"],
    "output_format": ["gif", "svg"],
}
NUMBERS = ("n", "partial_images", "output_compression")  # come as text in a form
MESSAGES = {
    "assistant": ChatCompletionAssistantMessageParam,
    "developer": ChatCompletionDeveloperMessageParam,
    "system": ChatCompletionSystemMessageParam,
    "tool": ChatCompletionToolMessageParam,
    "user": ChatCompletionUserMessageParam,
}


@cache
def _validator(schema: str) -> Draft202012Validator:
    document = json.loads(OPENAI_SPEC.read_text(encoding="utf-8"))
    for name in ("CreateImageRequest", "CreateImageEditRequest"):
        properties = document["components"]["schemas"][name]["properties"]
        for key, values in NEWER.items():
            properties[key]["anyOf"][0]["enum"] += values
    document["components"]["schemas"]["ImagesResponse"]["properties"]["size"] = {"type": "string"}
    spec = DRAFT202012.create_resource(document)
    registry: Registry[Any] = Registry().with_resource("spec:openai", spec)
    return Draft202012Validator({"$ref": f"spec:openai#/components/schemas/{schema}"}, registry=registry)


def assert_fits(schema: str, value: object) -> None:
    """Fail unless a value fits a schema of the spec; the message names the place, not the value."""
    for error in _validator(schema).iter_errors(value):
        raise AssertionError(f"{schema}: {error.json_path} breaks {error.validator}")


def check_request(method: str, path: str, body: object) -> None:
    """Fail unless a request keeps to the contract. A path that is not in the table is not checked."""
    if (method, path) not in REQUESTS:
        return
    schema, known = REQUESTS[method, path]
    assert isinstance(body, dict), f"{path}: the body is no JSON object"
    body = _plain(body) if path.startswith("/v1/images/") else body
    assert not (unknown := body.keys() - known), f"{path}: unknown keys {sorted(unknown)}"
    for index, message in enumerate(body.get("messages", ())):
        known_here = MESSAGES[message["role"]].__annotations__.keys()
        assert not (unknown := message.keys() - known_here), f"{path}: message {index}: unknown keys {sorted(unknown)}"
    if OPENAI_SPEC.exists():
        assert_fits(schema, body)


def _plain(form: dict[str, Any]) -> dict[str, Any]:
    """Return a form as the schema describes it: numbers as numbers, files as text."""
    plain: dict[str, Any] = {}
    for name, value in form.items():
        if isinstance(value, list):
            plain[name.removesuffix("[]")] = ["file" if isinstance(one, Upload) else one for one in value]
        elif isinstance(value, Upload):
            plain[name] = "file"
        elif isinstance(value, str) and name in NUMBERS:
            plain[name] = int(value)
        elif isinstance(value, str) and name == "stream":
            plain[name] = {"true": True, "false": False}[value]
        else:
            plain[name] = value
    return plain
