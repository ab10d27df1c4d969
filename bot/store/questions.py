"""A question as JSON, for the time between its claim and its end."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields, replace
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from bot.core.conversation import (
    AttachedPicture,
    AttachedText,
    Attachment,
    ChatOptions,
    ConversationKey,
    PictureSource,
    Question,
    Quote,
    ReplyRoute,
    TriggerKind,
)
from bot.core.tasks import PictureTask, SoundTask, SpeechTask, Task

TASKS: dict[str, type[Task]] = {"picture": PictureTask, "speech": SpeechTask, "sound": SoundTask}


def storable(text: str) -> str:
    """Join surrogate pairs that came in halves and replace lone ones, which UTF-8 cannot hold."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def question_to_json(question: Question) -> str:
    """Write everything but the interaction token, which has a column that is wiped earlier."""
    without_secret = replace(question, route=replace(question.route, interaction_token=None))
    return storable(json.dumps(without_secret, ensure_ascii=False, default=_plain))


def question_from_json(text: str, interaction_token: str | None) -> Question:
    """Read a question that this version or an earlier one wrote."""
    values = json.loads(text)
    values["kind"] = TriggerKind(values["kind"])
    values["asked_at"] = datetime.fromisoformat(values["asked_at"])
    values["route"] = ReplyRoute(**_known(ReplyRoute, {**values["route"], "interaction_token": interaction_token}))
    values["options"] = ChatOptions(**_known(ChatOptions, values["options"]))
    if values["conversation"]:
        values["conversation"] = ConversationKey(**_known(ConversationKey, values["conversation"]))
    if values["quote"]:
        values["quote"] = Quote(**_known(Quote, values["quote"]))
    values["attachments"] = _attachments(values.get("attachments", []))
    values["task"] = _task(values.get("task"))
    return Question(**_known(Question, values))


def task_to_json(task: Task) -> str:
    """Write a task."""
    return storable(json.dumps(task, ensure_ascii=False, default=_plain))


def task_from_json(text: str) -> Task:
    """Read a task that this version or an earlier one wrote."""
    task = _task(json.loads(text))
    if task is None:
        raise ValueError("not a task")
    return task


def _task(values: Mapping[str, Any] | None) -> Task | None:
    if values is None:
        return None
    kind = TASKS[values["is"]]
    return TypeAdapter(kind).validate_python(_known(kind, values))


def options_to_json(options: ChatOptions) -> str | None:
    """Write what a member set for a question; ``None`` for nothing."""
    if options == ChatOptions():
        return None
    return storable(json.dumps({k: v for k, v in asdict(options).items() if v is not None}, ensure_ascii=False))


def options_from_json(text: str | None) -> ChatOptions:
    """Read what this version or an earlier one wrote."""
    return ChatOptions(**_known(ChatOptions, json.loads(text))) if text else ChatOptions()


def attachments_to_json(attachments: tuple[Attachment, ...]) -> str | None:
    """Write the text of a question's files; ``None`` for no files."""
    return storable(json.dumps(attachments, ensure_ascii=False, default=_plain)) if attachments else None


def attachments_from_json(text: str | None) -> tuple[Attachment, ...]:
    """Read what this version or an earlier one wrote."""
    return _attachments(json.loads(text)) if text else ()


def _attachments(values: Iterable[Mapping[str, Any]]) -> tuple[Attachment, ...]:
    return tuple(_picture(one) if "width" in one else AttachedText(**_known(AttachedText, one)) for one in values)


def _picture(values: Mapping[str, Any]) -> AttachedPicture:
    source = values.get("source")
    found = None if source is None else PictureSource(**_known(PictureSource, source))
    return AttachedPicture(**{**_known(AttachedPicture, values), "source": found})


def _plain(value: Any) -> object:
    # Not asdict, which copies every value on the way: a claim is acknowledged only after this.
    if isinstance(value, datetime):
        return value.isoformat()
    plain = {field.name: getattr(value, field.name) for field in fields(value)}
    names = [name for name, kind in TASKS.items() if isinstance(value, kind)]
    return {"is": names[0], **plain} if names else plain


def _known(
    kind: type[Question | ReplyRoute | ChatOptions | ConversationKey | Quote | Attachment | PictureSource | Task],
    values: Mapping[str, Any],
) -> Any:
    """Leave out what an earlier version wrote and this one does not know."""
    names = {field.name for field in fields(kind)}
    return {name: value for name, value in values.items() if name in names}
