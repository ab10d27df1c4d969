-- The tables of a turn's life: what was asked, what was answered, what it cost, and what is left to do after a crash.
--
-- Times are milliseconds since 1970 in UTC: they are compared and subtracted, never shown from here, and an integer
-- has no zone, no format and the same meaning in PostgreSQL. Discord ids and money (millionths of a US dollar) are
-- integers too. 0 stands for "nobody" and "not in a server" where a column is part of a key, since NULL equals nothing.

CREATE TABLE conversations (
    conversation_id INTEGER PRIMARY KEY AUTOINCREMENT,
    channel_id      INTEGER NOT NULL,
    member_id       INTEGER NOT NULL,             -- 0: everybody in the channel
    guild_id        INTEGER,
    epoch           INTEGER NOT NULL DEFAULT 1,   -- a reset starts a new one
    first_turn_id   INTEGER NOT NULL DEFAULT 0,   -- older turns are kept but not sent
    summary         TEXT,                         -- of the turns before first_turn_id
    created_at      INTEGER NOT NULL,
    UNIQUE (channel_id, member_id)
) STRICT;

-- The ids are never used twice (AUTOINCREMENT): buttons and first_turn_id outlive the rows they name.
CREATE TABLE turns (
    turn_id           INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation_id   INTEGER NOT NULL REFERENCES conversations ON DELETE CASCADE,
    trigger_id        INTEGER NOT NULL,           -- the same for a question and its answer
    chat_role         TEXT NOT NULL CHECK (chat_role IN ('user', 'assistant')),
    text              TEXT NOT NULL,
    author_id         INTEGER,                    -- of a question
    author_name       TEXT,
    quote_author_name TEXT,
    quote_text        TEXT,
    asked_at          INTEGER,                    -- of a question
    message_id        INTEGER,                    -- of a question that is a message; an answer's: reply_messages
    incomplete        INTEGER NOT NULL DEFAULT 0 CHECK (incomplete IN (0, 1)),
    created_at        INTEGER NOT NULL,
    UNIQUE (trigger_id, conversation_id, chat_role)
) STRICT;

CREATE INDEX turns_by_conversation ON turns (conversation_id, turn_id);

CREATE TABLE claims (
    trigger_id  INTEGER PRIMARY KEY,
    state       TEXT NOT NULL CHECK (
        state IN ('claimed', 'generating', 'ready', 'done', 'failed', 'expired', 'cancelled')
    ),
    author_id   INTEGER NOT NULL,
    guild_id    INTEGER,
    channel_id  INTEGER NOT NULL,
    generations INTEGER NOT NULL DEFAULT 0,
    reply_kind  TEXT CHECK (reply_kind IN ('answer', 'notice')),
    retryable   INTEGER NOT NULL DEFAULT 0 CHECK (retryable IN (0, 1)),
    reason      TEXT,
    error_id    TEXT,
    claimed_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    CHECK (reply_kind IS NOT NULL OR state NOT IN ('ready', 'done', 'failed'))
) STRICT;

CREATE TABLE reply_messages (
    trigger_id INTEGER NOT NULL REFERENCES claims ON DELETE CASCADE,
    page       INTEGER NOT NULL CHECK (page >= 0),
    message_id INTEGER NOT NULL,
    PRIMARY KEY (trigger_id, page)
) STRICT, WITHOUT ROWID;

-- What only a claim that has not ended needs: two tables that stay small, so that a restart reads nothing else.
-- They have no foreign keys, because only then DELETE without WHERE empties whole pages (bot/store/turns.py, sweep).

CREATE TABLE pending (
    trigger_id        INTEGER PRIMARY KEY,
    claimed_at        INTEGER NOT NULL,
    question          TEXT NOT NULL,              -- JSON with options and route
    interaction_token TEXT                        -- a secret: wiped after 15 minutes at the latest
) STRICT;

CREATE TABLE outbox (
    trigger_id INTEGER NOT NULL,
    page       INTEGER NOT NULL CHECK (page >= 0),
    content    TEXT NOT NULL,
    file_name  TEXT,
    file_bytes BLOB,
    PRIMARY KEY (trigger_id, page)
) STRICT;

-- What was spent. No reference to the claim, which may be deleted earlier: a bill is not forgotten with its question.
CREATE TABLE usage_ledger (
    usage_id           INTEGER PRIMARY KEY,
    trigger_id         INTEGER NOT NULL,
    attempt            INTEGER NOT NULL CHECK (attempt >= 1),
    run_id             INTEGER NOT NULL,          -- the run of the program that reserved it
    capability         TEXT NOT NULL,
    model              TEXT NOT NULL,
    reserved_micro_usd INTEGER NOT NULL CHECK (reserved_micro_usd >= 0),
    settled_micro_usd  INTEGER CHECK (settled_micro_usd >= 0),
    usage              TEXT,                      -- JSON, as the provider returned it
    price_version      TEXT,
    author_id          INTEGER NOT NULL,
    guild_id           INTEGER,
    channel_id         INTEGER NOT NULL,
    created_at         INTEGER NOT NULL,
    settled_at         INTEGER,
    UNIQUE (trigger_id, attempt)
) STRICT;

-- Holds all that the sum of a day needs.
CREATE INDEX usage_by_time ON usage_ledger (created_at, settled_micro_usd, reserved_micro_usd);

CREATE TABLE model_quirks (
    base_url    TEXT NOT NULL,
    model       TEXT NOT NULL,
    parameter   TEXT NOT NULL,
    replacement TEXT,                             -- NULL: leave the parameter out
    learned_at  INTEGER NOT NULL,
    PRIMARY KEY (base_url, model, parameter)
) STRICT;

CREATE TABLE preferences (
    scope    TEXT NOT NULL,
    scope_id INTEGER NOT NULL,
    name     TEXT NOT NULL,
    value    TEXT NOT NULL,
    PRIMARY KEY (scope, scope_id, name)
) STRICT;

CREATE TABLE preference_changes (
    change_id  INTEGER PRIMARY KEY,
    scope      TEXT NOT NULL,
    scope_id   INTEGER NOT NULL,
    name       TEXT NOT NULL,
    old_value  TEXT,                              -- NULL: the default held
    new_value  TEXT,                              -- NULL: the default holds again
    changed_by INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT;

CREATE INDEX preference_changes_by_scope ON preference_changes (scope, scope_id, change_id);
