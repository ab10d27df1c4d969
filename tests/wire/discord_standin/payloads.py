"""How Discord writes what exists: the JSON of API v10."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from tests.wire.discord_standin.journal import Json
from tests.wire.discord_standin.world import (
    EPHEMERAL,
    Attachment,
    Channel,
    ChannelKind,
    Interaction,
    Message,
    User,
    World,
    snowflake_time,
)

GUILDS = 1 << 0
GUILD_MEMBERS = 1 << 1
GUILD_PRESENCES = 1 << 8
GUILD_MESSAGES = 1 << 9
DIRECT_MESSAGES = 1 << 12
MESSAGE_CONTENT = 1 << 15
PRIVILEGED = GUILD_MEMBERS | GUILD_PRESENCES | MESSAGE_CONTENT

# View, send, threads, embed, attach, history, slash commands, voice messages: no management right.
BOT_PERMISSIONS = 1 << 10 | 1 << 11 | 1 << 14 | 1 << 15 | 1 << 16 | 1 << 31 | 1 << 35 | 1 << 38 | 1 << 46
MEMBER_PERMISSIONS = BOT_PERMISSIONS
OWNER_PERMISSIONS = (1 << 50) - 1
FILE_LIMIT_BYTES = 10 * 1024 * 1024
LINK_SECONDS = 24 * 3600  # a link to a file is good for a day


def timestamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


class Payloads:
    """Renders a world. ``content_intent`` says whether the reader may see what every message says.

    ``clock``: links to files end by it.
    """

    def __init__(self, world: World, *, cdn_url: str, clock: Callable[[], float]) -> None:
        self.world = world
        self.cdn_url = cdn_url
        self._clock = clock
        self._key = secrets.token_bytes(16)

    def user(self, user: User) -> Json:
        return {
            "id": str(user.user_id),
            "username": user.name,
            "discriminator": "0001" if user.bot else "0",
            "global_name": None if user.bot else user.name.capitalize(),
            "avatar": None,
            "bot": user.bot,
            "system": False,
            "public_flags": 0,
            "flags": 0,
            "primary_guild": None,
        }

    def member(self, user: User) -> Json:
        """Return the guild-member part, without the user."""
        joined = snowflake_time(self.world.guild_id)
        return {
            "roles": [],
            "nick": None,
            "avatar": None,
            "banner": None,
            "premium_since": None,
            "communication_disabled_until": None,
            "joined_at": timestamp(joined),
            "deaf": False,
            "mute": False,
            "pending": False,
            "flags": 0,
        }

    def channel(self, channel: Channel) -> Json:
        last = next(self.world.history(channel), None)
        payload: Json = {
            "id": str(channel.channel_id),
            "type": int(channel.kind),
            "last_message_id": str(last.message_id) if last else None,
            "flags": 0,
        }
        if channel.recipient:
            return payload | {"recipients": [self.user(channel.recipient)]}
        payload |= {"guild_id": str(self.world.guild_id), "name": channel.name, "rate_limit_per_user": 0}
        if channel.kind is ChannelKind.TEXT:
            return payload | {
                "position": 0,
                "permission_overwrites": [],
                "parent_id": None,
                "nsfw": False,
                "topic": None,
            }
        return payload | {
            "parent_id": str(channel.parent_id),
            "owner_id": str(self.world.bot.user_id),
            "message_count": 0,
            "member_count": 1,
            "total_message_sent": 0,
            "thread_metadata": {
                "archived": False,
                "auto_archive_duration": 1440,
                "archive_timestamp": timestamp(snowflake_time(channel.channel_id)),
                "create_timestamp": timestamp(snowflake_time(channel.channel_id)),
                "locked": False,
            },
        }

    def guild(self) -> Json:
        world = self.world
        channels = [channel for channel in world.channels.values() if not channel.is_dm]
        everyone = {
            "id": str(world.guild_id),
            "name": "@everyone",
            "description": None,
            "color": 0,
            "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
            "hoist": False,
            "icon": None,
            "unicode_emoji": None,
            "position": 0,
            "permissions": str(BOT_PERMISSIONS),
            "managed": False,
            "mentionable": False,
            "flags": 0,
        }
        return {
            "id": str(world.guild_id),
            "name": "The stand-in's server",
            "owner_id": str(world.owner.user_id),
            "preferred_locale": "en-US",
            "premium_tier": 0,
            "unavailable": False,
            "large": False,
            "joined_at": timestamp(snowflake_time(world.guild_id)),
            "member_count": len(world.users),
            "roles": [everyone],
            "emojis": [],
            "stickers": [],
            "features": [],
            "channels": [self.channel(c) for c in channels if c.kind is ChannelKind.TEXT],
            "threads": [self.channel(c) for c in channels if c.kind is ChannelKind.PUBLIC_THREAD],
            "members": [self.member(world.bot) | {"user": self.user(world.bot)}],
            "presences": [],
            "voice_states": [],
            "stage_instances": [],
            "guild_scheduled_events": [],
            "soundboard_sounds": [],
            "verification_level": 0,
            "default_message_notifications": 0,
            "explicit_content_filter": 0,
            "nsfw_level": 0,
            "mfa_level": 0,
            "afk_timeout": 300,
            "system_channel_flags": 0,
        }

    def attachment(self, attachment: Attachment, channel: Channel) -> Json:
        name = attachment.upload.file_name
        path = f"/attachments/{channel.channel_id}/{attachment.attachment_id}/{name}"
        begins = int(self._clock())
        ends = begins + LINK_SECONDS
        url = f"{self.cdn_url}{path}?ex={ends:x}&is={begins:x}&hm={self._signature(path, f'{ends:x}')}"
        payload: Json = {
            "id": str(attachment.attachment_id),
            "filename": name,
            "size": len(attachment.upload.payload),
            "url": url,
            "proxy_url": url,
        }
        if attachment.upload.content_type:  # phones leave it out
            payload["content_type"] = attachment.upload.content_type
        kept = {"description", "duration_secs", "waveform", "title"} & attachment.declared.keys()
        return payload | {key: attachment.declared[key] for key in kept}

    def is_good(self, path: str, query: Mapping[str, str]) -> bool:
        """Whether a link to a file was made here and has not ended."""
        ends = query.get("ex", "")
        return query.get("hm") == self._signature(path, ends) and int(ends, 16) > self._clock()

    def _signature(self, path: str, ends: str) -> str:
        return hmac.new(self._key, f"{path} {ends}".encode(), "sha256").hexdigest()

    def readable(self, message: Message, *, content_intent: bool) -> bool:
        """Whether Discord gives the app what the message says.

        Without the intent only the app's own messages, DMs and messages that mention it carry their content.
        """
        bot = self.world.bot
        return content_intent or message.channel.is_dm or message.author == bot or bot in message.mentions

    def message(self, message: Message, *, content_intent: bool, nested: bool = False) -> Json:
        readable = self.readable(message, content_intent=content_intent)
        payload: Json = {
            "id": str(message.message_id),
            "channel_id": str(message.channel.channel_id),
            "author": self.user(message.author),
            "type": int(message.kind),
            "content": message.content if readable else "",
            "embeds": message.embeds if readable else [],
            "components": message.components if readable else [],
            "attachments": [self.attachment(a, message.channel) for a in message.attachments] if readable else [],
            "timestamp": timestamp(message.sent_at),
            "edited_timestamp": timestamp(message.edited_at) if message.edited_at else None,
            "tts": False,
            "mention_everyone": False,
            "mentions": [self.user(user) for user in message.mentions],
            "mention_roles": [],
            "pinned": False,
            "flags": message.flags,
        }
        if message.nonce is not None:
            payload["nonce"] = message.nonce
        if message.interaction:
            payload |= self._interaction_origin(message.interaction)
        if message.reply_to:
            reply_to = message.reply_to
            payload["message_reference"] = {
                "type": 0,
                "channel_id": str(reply_to.channel.channel_id),
                "message_id": str(reply_to.message_id),
            } | ({} if reply_to.channel.is_dm else {"guild_id": str(self.world.guild_id)})
            if not nested:
                gone = reply_to.deleted
                quoted = None if gone else self.message(reply_to, content_intent=content_intent, nested=True)
                payload["referenced_message"] = quoted
        return payload

    def message_event(self, message: Message, *, content_intent: bool) -> Json:
        """Return the payload of MESSAGE_CREATE and MESSAGE_UPDATE: in a guild it names the member and the guild."""
        payload = self.message(message, content_intent=content_intent)
        payload["channel_type"] = int(message.channel.kind)
        if message.channel.is_dm:
            return payload
        payload["mentions"] = [self.user(user) | {"member": self.member(user)} for user in message.mentions]
        payload["guild_id"] = str(self.world.guild_id)
        return payload | ({} if message.interaction else {"member": self.member(message.author)})

    def interaction(self, interaction: Interaction) -> Json:
        channel, user = interaction.channel, interaction.user
        payload: Json = {
            "id": str(interaction.interaction_id),
            "application_id": str(self.world.bot.user_id),
            "type": interaction.kind,
            "token": interaction.token,
            "version": 1,
            "data": interaction.options,
            "channel_id": str(channel.channel_id),
            "channel": self.channel(channel) | {"permissions": str(self.permissions(user))},
            "app_permissions": str(BOT_PERMISSIONS),
            "locale": "en-US",
            "entitlements": [],
            "attachment_size_limit": FILE_LIMIT_BYTES,
            "context": 1 if channel.is_dm else 0,
        }
        if interaction.message:  # the message of a clicked component is the app's own: always readable
            payload["message"] = self.message(interaction.message, content_intent=True)
        if channel.is_dm:
            return payload | {"user": self.user(user), "authorizing_integration_owners": {"0": "0"}}
        guild_id = str(self.world.guild_id)
        member = self.member(user) | {"user": self.user(user), "permissions": str(self.permissions(user))}
        return payload | {
            "member": member,
            "guild_id": guild_id,
            "guild": {"id": guild_id, "locale": "en-US", "features": []},
            "guild_locale": "en-US",
            "authorizing_integration_owners": {"0": guild_id},
        }

    def callback(self, interaction: Interaction) -> Json:
        """Return the answer to a callback with ``with_response``."""
        shown = interaction.original or interaction.message
        about: Json = {"id": str(interaction.interaction_id), "type": interaction.kind}
        if shown is None or interaction.callback_type in {8, 9}:
            return {"interaction": about}
        about |= {
            "response_message_id": str(shown.message_id),
            "response_message_loading": shown.loading,
            "response_message_ephemeral": bool(shown.flags & EPHEMERAL),
            "channel_id": str(interaction.channel.channel_id),
        }
        if interaction.callback_type not in {4, 7}:  # a deferral has created nothing to show
            return {"interaction": about}
        message = self.message(shown, content_intent=True)
        return {"interaction": about, "resource": {"type": interaction.callback_type, "message": message}}

    def permissions(self, user: User) -> int:
        return OWNER_PERMISSIONS if user == self.world.owner else MEMBER_PERMISSIONS

    def _interaction_origin(self, interaction: Interaction) -> Json:
        bot_id = str(self.world.bot.user_id)
        return {"application_id": bot_id, "webhook_id": bot_id, "interaction_metadata": self._metadata(interaction)}

    def _metadata(self, interaction: Interaction) -> Json:
        metadata: Json = {
            "id": str(interaction.interaction_id),
            "type": interaction.kind,
            "user": self.user(interaction.user),
            "authorizing_integration_owners": {},
        }
        if interaction.message:
            metadata["interacted_message_id"] = str(interaction.message.message_id)
        if interaction.opened_by:
            metadata["triggering_interaction_metadata"] = self._metadata(interaction.opened_by)
        return metadata
