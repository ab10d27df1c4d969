"""Ready-made values for tests of the core."""

from datetime import UTC, datetime

from bot.core.conversation import (
    AttachedText,
    ChatOptions,
    ConversationKey,
    Question,
    Quote,
    ReplyRoute,
    TriggerKind,
)

ASKED_AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
KEY = ConversationKey(channel_id=20, guild_id=10)


def a_question(
    text: str = "What is a heap?",
    *,
    trigger_id: int = 1000,
    author_id: int = 1,
    author_name: str = "Asker",
    conversation: ConversationKey | None = KEY,
    quote: Quote | None = None,
    options: ChatOptions = ChatOptions(),
    attachments: tuple[AttachedText, ...] = (),
    by_command: bool = False,
) -> Question:
    route = ReplyRoute(channel_id=20)
    if by_command:
        route = ReplyRoute(channel_id=20, application_id=5, interaction_token="interaction-token", response_id=77)
    return Question(
        trigger_id=trigger_id,
        kind=TriggerKind.INTERACTION if by_command else TriggerKind.MESSAGE,
        author_id=author_id,
        author_name=author_name,
        text=text,
        route=route,
        asked_at=ASKED_AT,
        guild_id=10,
        conversation=conversation,
        quote=quote,
        options=options,
        attachments=attachments,
        show_question=by_command,
    )
