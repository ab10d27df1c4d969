"""What is set for servers and channels. All of it is in memory, so that a message is decided on without a query."""

from __future__ import annotations

from enum import StrEnum

from bot.core.ports.remembered import Preference, PreferenceScope, PreferenceStore

MODE = "mode"
VOICE_MESSAGES = "voice_messages"


class ChannelMode(StrEnum):
    """Which plain messages of a channel the bot answers."""

    MENTION = "mention"  # those that mention it or reply to it
    AUTO = "auto"  # every one; needs the Message Content intent


class VoiceMessages(StrEnum):
    """What is done with voice messages."""

    OFF = "off"
    TRANSCRIBE = "transcribe"
    ANSWER = "answer"


class Preferences:
    """Reads the preferences once and writes changes through."""

    def __init__(self, store: PreferenceStore) -> None:
        self._store = store
        self._values: dict[tuple[PreferenceScope, int, str], str] = {}

    async def load(self) -> None:
        """Read everything that is stored."""
        self._values = {(p.scope, p.scope_id, p.name): p.value for p in await self._store.preferences()}

    def channel_mode(self, channel_id: int, parent_id: int | None = None) -> ChannelMode:
        """Return the mode of a channel; a thread has its parent's unless it has its own."""
        return ChannelMode(self._of_channel(MODE, channel_id, parent_id) or ChannelMode.MENTION)

    async def set_channel_mode(self, channel_id: int, mode: ChannelMode, *, changed_by: int) -> None:
        """Set the mode of a channel."""
        await self._set(Preference(PreferenceScope.CHANNEL, channel_id, MODE, mode.value), changed_by=changed_by)

    def voice_messages(self, channel_id: int, parent_id: int | None = None) -> VoiceMessages:
        """Return what is done with voice messages of a server's channel; a thread has its parent's setting."""
        return VoiceMessages(self._of_channel(VOICE_MESSAGES, channel_id, parent_id) or VoiceMessages.OFF)

    async def set_voice_messages(self, channel_id: int, voice_messages: VoiceMessages, *, changed_by: int) -> None:
        """Set what is done with voice messages of a channel."""
        preference = Preference(PreferenceScope.CHANNEL, channel_id, VOICE_MESSAGES, voice_messages.value)
        await self._set(preference, changed_by=changed_by)

    def _of_channel(self, name: str, channel_id: int, parent_id: int | None) -> str | None:
        own = self._values.get((PreferenceScope.CHANNEL, channel_id, name))
        if own is not None or parent_id is None:
            return own
        return self._values.get((PreferenceScope.CHANNEL, parent_id, name))

    def of_bot(self, name: str) -> str | None:
        """Return something that the bot remembers about itself."""
        return self._values.get((PreferenceScope.BOT, 0, name))

    async def remember_of_bot(self, name: str, value: str) -> None:
        """Remember something about the bot itself."""
        await self._set(Preference(PreferenceScope.BOT, 0, name, value), changed_by=0)

    async def _set(self, preference: Preference, *, changed_by: int) -> None:
        await self._store.set_preference(preference, changed_by=changed_by)
        self._values[preference.scope, preference.scope_id, preference.name] = preference.value
