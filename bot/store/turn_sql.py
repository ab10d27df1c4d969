"""The statements of ``SqliteTurnStore``: plain SQL, so that another database is a driver and not a rewrite."""

from typing import Final

from bot.core.conversation import ClaimState

ENDED: Final = (ClaimState.DONE, ClaimState.FAILED, ClaimState.EXPIRED, ClaimState.CANCELLED)

# A claim's way

CLAIM: Final = """
INSERT INTO claims (trigger_id, state, author_id, guild_id, channel_id, message_id, about_trigger_id,
                    replaces_trigger_id, claimed_at, updated_at)
VALUES (:trigger_id, 'claimed', :author_id, :guild_id, :channel_id, :message_id, :about_trigger_id,
        :replaces_trigger_id, :now, :now)
ON CONFLICT DO NOTHING
RETURNING trigger_id
"""

PUT_PENDING: Final = """
INSERT INTO pending (trigger_id, claimed_at, question, interaction_token)
VALUES (:trigger_id, :claimed_at, :question, :interaction_token)
"""

STATE: Final = "SELECT state FROM claims WHERE trigger_id = :trigger_id"

PAYER: Final = """
SELECT trigger_id, coalesce(:payer_id, author_id) AS author_id, channel_id, guild_id FROM claims
WHERE trigger_id = :trigger_id
"""

GENERATE: Final = """
UPDATE claims SET state = 'generating', generations = generations + 1, updated_at = :now
WHERE trigger_id = :trigger_id
"""

SETTLE: Final = """
UPDATE usage_ledger
SET settled_micro_usd = :micro_usd, usage = :usage, price_version = :price_version, settled_at = :now
WHERE trigger_id = :trigger_id AND run_id = :run_id AND settled_micro_usd IS NULL
  AND attempt = (SELECT max(attempt) FROM usage_ledger WHERE trigger_id = :trigger_id AND run_id = :run_id)
"""

SETTLE_FAILED: Final = """
UPDATE usage_ledger
SET settled_micro_usd = CASE WHEN run_id <> :run_id THEN reserved_micro_usd
        ELSE MIN(reserved_micro_usd * :billed, COALESCE(:most, reserved_micro_usd * :billed)) END,
    settled_at = :now
WHERE trigger_id = :trigger_id AND settled_micro_usd IS NULL
"""

MAKE_READY: Final = """
UPDATE claims
SET state = 'ready', reply_kind = :reply_kind, retryable = :retryable, incomplete = :incomplete, reason = :reason,
    error_id = :error_id, updated_at = :now
WHERE trigger_id = :trigger_id AND state IN ('claimed', 'generating')
RETURNING trigger_id
"""

UNREADY: Final = """
UPDATE claims SET state = 'generating', updated_at = :now WHERE trigger_id = :trigger_id AND state = 'ready'
RETURNING trigger_id
"""

QUESTION: Final = "SELECT question FROM pending WHERE trigger_id = :trigger_id"

REVISE: Final = "UPDATE pending SET question = :question WHERE trigger_id = :trigger_id"

MOVE: Final = "UPDATE claims SET channel_id = :channel_id WHERE trigger_id = :trigger_id"

FORGET_PLACES: Final = "DELETE FROM reply_messages WHERE trigger_id = :trigger_id"

PUT_PAGE: Final = """
INSERT INTO outbox (trigger_id, page, content) VALUES (:trigger_id, :page, :content)
"""

PUT_FILE: Final = """
INSERT INTO outbox_files (trigger_id, page, number, name, content, description, spoiler, voice_seconds, waveform)
VALUES (:trigger_id, :page, :number, :name, :content, :description, :spoiler, :voice_seconds, :waveform)
"""

PUT_TASK: Final = """
INSERT INTO tasks (trigger_id, author_id, channel_id, private, text, task, result_text, done_at)
VALUES (:trigger_id, :author_id, :channel_id, :private, :text, :task, :result_text, :now)
ON CONFLICT (trigger_id) DO NOTHING
"""

TASK: Final = """
SELECT trigger_id, author_id, channel_id, private, text, task, result_text, done_at FROM tasks
WHERE trigger_id = :trigger_id
"""

FORGET_TASK: Final = "DELETE FROM tasks WHERE trigger_id = :trigger_id"

# What was told while nothing could be claimed belongs to no claim.
PLACE: Final = """
INSERT INTO reply_messages (trigger_id, page, message_id)
SELECT trigger_id, :page, :message_id FROM claims WHERE trigger_id = :trigger_id
ON CONFLICT (trigger_id, page) DO UPDATE SET message_id = excluded.message_id
"""

FINISH: Final = """
UPDATE claims
SET state = CASE reply_kind WHEN 'answer' THEN 'done' ELSE 'failed' END, parked_at = NULL, updated_at = :now
WHERE trigger_id = :trigger_id AND state = 'ready'
RETURNING state, state = 'failed' AND retryable = 1 AS keeps_question
"""

EXPIRE: Final = """
UPDATE claims SET state = 'expired', reason = :reason, parked_at = NULL, updated_at = :now
WHERE trigger_id = :trigger_id AND state IN ('claimed', 'generating', 'ready')
RETURNING state, 0 AS keeps_question
"""

CANCEL: Final = """
UPDATE claims SET state = 'cancelled', reason = :reason, updated_at = :now
WHERE trigger_id = :trigger_id AND state IN ('claimed', 'generating', 'ready')
RETURNING trigger_id
"""

KEEP_QUESTION: Final = "UPDATE pending SET interaction_token = NULL WHERE trigger_id = :trigger_id"

FORGET_QUESTION: Final = "DELETE FROM pending WHERE trigger_id = :trigger_id"

EMPTY_OUTBOX: Final = "DELETE FROM outbox WHERE trigger_id = :trigger_id"

EMPTY_OUTBOX_FILES: Final = "DELETE FROM outbox_files WHERE trigger_id = :trigger_id"

# After a restart

UNFINISHED: Final = """
SELECT trigger_id, state, question, interaction_token, generations, claims.claimed_at, reply_kind, retryable,
       incomplete
FROM pending JOIN claims USING (trigger_id)
WHERE state IN ('claimed', 'generating', 'ready') AND parked_at IS NULL
ORDER BY trigger_id
"""

# Replies that wait for their author's next command

PARK: Final = "UPDATE claims SET parked_at = :now, updated_at = :now WHERE trigger_id = :trigger_id AND state = 'ready'"

KEEP_LAST_PAGES: Final = """
DELETE FROM outbox WHERE trigger_id = :trigger_id AND page NOT IN (
    SELECT page FROM outbox WHERE trigger_id = :trigger_id ORDER BY page DESC LIMIT :count
)
"""

KEEP_FILES_OF_PAGES: Final = """
DELETE FROM outbox_files WHERE trigger_id = :trigger_id AND page NOT IN (
    SELECT page FROM outbox WHERE trigger_id = :trigger_id
)
"""

PARKED_AUTHORS: Final = "SELECT DISTINCT author_id FROM claims WHERE parked_at IS NOT NULL AND state = 'ready'"

PARKED: Final = """
SELECT trigger_id, state, question, interaction_token, generations, claims.claimed_at, reply_kind, retryable,
       incomplete
FROM pending JOIN claims USING (trigger_id)
WHERE author_id = :author_id AND parked_at IS NOT NULL AND state = 'ready'
ORDER BY trigger_id
"""

PAGES: Final = "SELECT trigger_id, page, content FROM outbox WHERE trigger_id = :trigger_id ORDER BY page"

FILES: Final = """
SELECT trigger_id, page, number, name, content, description, spoiler, voice_seconds, waveform FROM outbox_files
WHERE trigger_id = :trigger_id ORDER BY page, number
"""

PARKED_BEFORE: Final = """
SELECT trigger_id FROM claims WHERE parked_at < :before AND state = 'ready'
"""

UNFINISHED_PLACES: Final = """
SELECT trigger_id, page, message_id FROM reply_messages WHERE trigger_id IN (SELECT trigger_id FROM pending)
"""

UNFINISHED_PAGES: Final = "SELECT trigger_id, page, content FROM outbox ORDER BY trigger_id, page"

UNFINISHED_FILES: Final = """
SELECT trigger_id, page, number, name, content, description, spoiler, voice_seconds, waveform FROM outbox_files
ORDER BY trigger_id, page, number
"""

UNFINISHED_FILE_BYTES: Final = "SELECT coalesce(sum(length(content)), 0) AS bytes FROM outbox_files"

KEPT_QUESTION: Final = """
SELECT question FROM pending
WHERE trigger_id = :trigger_id AND EXISTS (
    SELECT 1 FROM claims WHERE trigger_id = :trigger_id AND author_id = :author_id AND state = 'failed'
)
"""

TAKE_FAILED: Final = """
DELETE FROM pending
WHERE trigger_id = :trigger_id AND EXISTS (
    SELECT 1 FROM claims WHERE trigger_id = :trigger_id AND author_id = :author_id AND state = 'failed'
)
RETURNING question
"""

# What is wiped by its age, and for good

SWEEP_TOKENS: Final = "UPDATE pending SET interaction_token = NULL WHERE claimed_at < :before"

SWEEP_QUESTIONS: Final = """
DELETE FROM pending
WHERE claimed_at < :before
  AND EXISTS (SELECT 1 FROM claims WHERE claims.trigger_id = pending.trigger_id AND state = 'failed')
"""

PENDING: Final = "SELECT trigger_id, claimed_at, question, interaction_token FROM pending ORDER BY trigger_id"

EMPTY_PENDING: Final = "DELETE FROM pending"

EMPTY_WHOLE_OUTBOX: Final = "DELETE FROM outbox"

EMPTY_ALL_OUTBOX_FILES: Final = "DELETE FROM outbox_files"

# Conversations

HISTORY: Final = """
SELECT conversations.conversation_id, epoch, turn_id, chat_role, text, author_name, quote_author_name, quote_text,
       asked_at, trigger_id, attachments, author_id, summary
FROM conversations
LEFT JOIN turns ON turns.conversation_id = conversations.conversation_id AND turn_id >= first_turn_id
WHERE channel_id = :channel_id AND member_id = :member_id
ORDER BY turn_id
"""

NEW_CONVERSATION: Final = """
INSERT INTO conversations (channel_id, member_id, guild_id, created_at)
VALUES (:channel_id, :member_id, :guild_id, :now)
ON CONFLICT (channel_id, member_id) DO UPDATE SET guild_id = excluded.guild_id
RETURNING conversation_id, epoch
"""

# Nothing is inserted when the epoch has changed.
ADD_TURN: Final = """
INSERT INTO turns (conversation_id, trigger_id, chat_role, text, author_id, author_name, quote_author_name, quote_text,
                   asked_at, message_id, options, attachments, incomplete, created_at)
SELECT conversation_id, :trigger_id, :chat_role, :text, :author_id, :author_name, :quote_author_name, :quote_text,
       :asked_at, :message_id, :options, :attachments, :incomplete, :now
FROM conversations WHERE conversation_id = :conversation_id AND epoch = :epoch
"""

# Whether a pair may be stored: not after a reset, not in place of a turn that is no longer the latest one, and not
# when it goes on from one that is gone.
MAY_ADD: Final = """
SELECT 1 FROM conversations
WHERE conversation_id = :conversation_id AND epoch = :epoch AND (
    :replaces IS NULL
    OR :replaces = (
        SELECT trigger_id FROM turns WHERE turns.conversation_id = :conversation_id ORDER BY turn_id DESC LIMIT 1
    )
) AND (
    :continues IS NULL
    OR :continues IN (SELECT trigger_id FROM turns WHERE turns.conversation_id = :conversation_id)
)
"""

DROP_REPLACED: Final = "DELETE FROM turns WHERE conversation_id = :conversation_id AND trigger_id = :replaces"

# What shows the old answer shows the new one.
TAKE_PLACES: Final = """
INSERT INTO reply_messages (trigger_id, page, message_id)
SELECT :trigger_id, page, message_id FROM reply_messages WHERE trigger_id = :replaces
"""

TRIM: Final = """
UPDATE conversations SET first_turn_id = :first_turn_id
WHERE conversation_id = :conversation_id AND first_turn_id < :first_turn_id
"""

NEW_EPOCH: Final = """
UPDATE conversations SET epoch = epoch + 1, first_turn_id = 0, summary = NULL
WHERE channel_id = :channel_id AND member_id = :member_id
RETURNING conversation_id
"""

DELETE_TURNS: Final = "DELETE FROM turns WHERE conversation_id = :conversation_id"
