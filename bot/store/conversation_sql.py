"""The statements of ``SqliteConversationStore``."""

from typing import Final

# Looking. A conversation is named by its channel and member, or by its id.

CONVERSATION: Final = """
SELECT conversation_id, epoch, summary FROM conversations WHERE channel_id = :channel_id AND member_id = :member_id
"""

# What was asked elsewhere and copied here was paid for there.
OVERVIEW: Final = """
SELECT count(DISTINCT trigger_id) AS turns, min(turns.created_at) AS since,
    (
        SELECT coalesce(sum(coalesce(settled_micro_usd, reserved_micro_usd)), 0) FROM usage_ledger
        WHERE usage_ledger.channel_id = :channel_id AND usage_ledger.trigger_id IN (
            SELECT own.trigger_id FROM turns AS own WHERE own.conversation_id = :conversation_id
        )
    ) AS micro_usd
FROM turns WHERE conversation_id = :conversation_id
"""

EVERYTHING: Final = "SELECT * FROM turns WHERE conversation_id = :conversation_id ORDER BY turn_id"

_PAIR: Final = """
SELECT asked.*, answered.text AS answer, answered.incomplete AS answer_incomplete, answered.turn_id AS last_turn_id,
       conversations.channel_id, conversations.member_id, conversations.guild_id, conversations.first_turn_id,
       NOT EXISTS (
           SELECT 1 FROM turns AS later
           WHERE later.conversation_id = asked.conversation_id AND later.turn_id > answered.turn_id
       ) AS is_latest
FROM turns AS asked
JOIN turns AS answered ON answered.trigger_id = asked.trigger_id
    AND answered.conversation_id = asked.conversation_id AND answered.chat_role = 'assistant'
JOIN conversations ON conversations.conversation_id = asked.conversation_id
WHERE asked.chat_role = 'user'
"""

# Where it goes on, or else where it was set aside last.
FIND: Final = f"""
{_PAIR} AND asked.trigger_id = :trigger_id AND conversations.channel_id = :channel_id
ORDER BY conversations.member_id >= 0 DESC, conversations.conversation_id DESC LIMIT 1
"""

FIND_IN_CONVERSATION: Final = f"{_PAIR} AND asked.trigger_id = :trigger_id AND asked.conversation_id = :conversation_id"

LATEST: Final = f"""
{_PAIR} AND conversations.channel_id = :channel_id AND conversations.member_id = :member_id
ORDER BY asked.turn_id DESC LIMIT 1
"""

CLAIM: Final = "SELECT author_id, channel_id, state FROM claims WHERE trigger_id = :trigger_id"

# A turn with what it was answered in place of, and what was asked anew or gone on with from there.
FAMILY: Final = """
WITH RECURSIVE family(trigger_id) AS (
    SELECT :trigger_id
    UNION SELECT replaces_trigger_id FROM claims JOIN family USING (trigger_id) WHERE replaces_trigger_id IS NOT NULL
    UNION SELECT claims.trigger_id FROM claims JOIN family ON about_trigger_id = family.trigger_id
)
SELECT trigger_id, channel_id, state FROM family JOIN claims USING (trigger_id)
"""

IS_PRIVATE: Final = """
SELECT 1 FROM turns JOIN conversations USING (conversation_id)
WHERE turns.trigger_id = :trigger_id AND conversations.member_id > 0
"""

BEING_ANSWERED: Final = """
SELECT 1 FROM claims WHERE about_trigger_id = :trigger_id AND state IN ('claimed', 'generating', 'ready')
"""

MESSAGES: Final = "SELECT page, message_id FROM reply_messages WHERE trigger_id = :trigger_id ORDER BY page"

# Changing

OTHERS_TURNS: Final = """
SELECT 1 FROM turns JOIN conversations USING (conversation_id)
WHERE channel_id = :channel_id AND member_id = :member_id AND chat_role = 'user' AND author_id <> :author_id LIMIT 1
"""

# Their first answer may still be growing: nothing of it is stored yet.
OTHERS_ANSWERS: Final = """
SELECT 1 FROM claims JOIN pending USING (trigger_id)
WHERE state IN ('claimed', 'generating') AND author_id <> :author_id
  AND json_extract(question, '$.conversation.channel_id') = :channel_id
  AND coalesce(json_extract(question, '$.conversation.member_id'), 0) = :member_id
LIMIT 1
"""

NEWEST: Final = """
SELECT trigger_id, author_id FROM turns
WHERE conversation_id = :conversation_id AND chat_role = 'user' ORDER BY turn_id DESC LIMIT :count
"""

# Notes on turns that are gone would keep them: the notes go, and the turns that are left are sent (and folded) again.
FORGET_NOTES: Final = """
UPDATE conversations SET first_turn_id = 0, summary = NULL
WHERE conversation_id IN (
    SELECT turns.conversation_id FROM turns
    WHERE turns.trigger_id = :trigger_id AND turns.conversation_id = conversations.conversation_id
      AND turns.turn_id < conversations.first_turn_id
)
"""

FORGET_NOTES_IN_CHANNEL: Final = f"{FORGET_NOTES} AND channel_id = :channel_id"

DELETE_PAIR: Final = "DELETE FROM turns WHERE trigger_id = :trigger_id"

DELETE_PAIR_IN_CHANNEL: Final = """
DELETE FROM turns WHERE trigger_id = :trigger_id AND conversation_id IN (
    SELECT conversation_id FROM conversations WHERE channel_id = :channel_id
)
"""

DELETE_PAIR_HERE: Final = "DELETE FROM turns WHERE trigger_id = :trigger_id AND conversation_id = :conversation_id"

# Whose conversation it is: nobody's any more. Answers that are on their way to it are not kept.
SET_ASIDE: Final = """
UPDATE conversations SET member_id = -conversation_id, epoch = epoch + 1
WHERE channel_id = :channel_id AND member_id = :member_id
"""

DELETE_SET_ASIDE: Final = "DELETE FROM conversations WHERE channel_id = :channel_id AND member_id < 0"

NEW_COPY: Final = """
INSERT INTO conversations (channel_id, member_id, guild_id, created_at)
VALUES (:channel_id, :member_id, :guild_id, :now)
ON CONFLICT (channel_id, member_id) DO UPDATE SET guild_id = excluded.guild_id  -- somebody wrote there already
RETURNING conversation_id
"""

COPY_TURNS: Final = """
INSERT INTO turns (conversation_id, trigger_id, chat_role, text, author_id, author_name, quote_author_name, quote_text,
                   asked_at, message_id, options, attachments, incomplete, created_at)
SELECT :copy_id, trigger_id, chat_role, text, author_id, author_name, quote_author_name, quote_text, asked_at,
       message_id, options, attachments, incomplete, created_at
FROM turns
WHERE conversation_id = :conversation_id AND turn_id >= :from_turn_id AND turn_id < :before_turn_id
ORDER BY turn_id
"""

# The copies of the turns before the notes' end have lower ids than those of the turns after it.
COPY_NOTES: Final = """
UPDATE conversations
SET summary = (SELECT summary FROM conversations WHERE conversation_id = :conversation_id),
    first_turn_id = 1 + coalesce((SELECT max(turn_id) FROM turns WHERE conversation_id = :copy_id), 0)
WHERE conversation_id = :copy_id
"""

# Messages of questions

CLAIMS_OF_MESSAGE: Final = """
SELECT claims.trigger_id, state, question, interaction_token
FROM claims JOIN pending ON pending.trigger_id = claims.trigger_id WHERE message_id = :message_id
"""

SET_QUESTION: Final = "UPDATE pending SET question = :question WHERE trigger_id = :trigger_id"

REVISE: Final = """
UPDATE turns SET text = :text
WHERE message_id = :message_id AND chat_role = 'user' AND text <> :text
RETURNING trigger_id
"""

FORGET_TASKS_OF_MESSAGE: Final = """
DELETE FROM tasks WHERE trigger_id IN (SELECT trigger_id FROM claims WHERE message_id = :message_id)
"""

TURNS_OF_MESSAGE: Final = "SELECT DISTINCT trigger_id FROM turns WHERE message_id = :message_id"
