-- Pictures, speech and transcripts: a page of a reply may carry several files, with alt texts or as a voice message;
-- and what was made can be made again by a button.

-- Without foreign keys, like the other tables of unfinished work (bot/store/turns.py, sweep).
CREATE TABLE outbox_files (
    trigger_id    INTEGER NOT NULL,
    page          INTEGER NOT NULL CHECK (page >= 0),
    number        INTEGER NOT NULL CHECK (number >= 0),
    name          TEXT NOT NULL,
    content       BLOB NOT NULL,
    description   TEXT,
    spoiler       INTEGER NOT NULL DEFAULT 0 CHECK (spoiler IN (0, 1)),
    voice_seconds REAL,                           -- of a native voice message
    waveform      BLOB,
    PRIMARY KEY (trigger_id, page, number)
) STRICT;

INSERT INTO outbox_files (trigger_id, page, number, name, content)
SELECT trigger_id, page, 0, file_name, file_bytes FROM outbox
WHERE file_name IS NOT NULL AND file_bytes IS NOT NULL;

ALTER TABLE outbox DROP COLUMN file_name;

ALTER TABLE outbox DROP COLUMN file_bytes;

-- What was done, as it was asked for. Never the pictures or sounds: those are in Discord's messages.
CREATE TABLE tasks (
    trigger_id  INTEGER PRIMARY KEY,
    author_id   INTEGER NOT NULL,
    channel_id  INTEGER NOT NULL,
    private     INTEGER NOT NULL CHECK (private IN (0, 1)),
    text        TEXT NOT NULL,                    -- the prompt, or what was read aloud
    task        TEXT NOT NULL,                    -- JSON
    result_text TEXT,                             -- a transcript or a translation
    done_at     INTEGER NOT NULL
) STRICT;

CREATE INDEX tasks_by_time ON tasks (done_at);

-- A private reply that Discord did not take any more (its token lives 15 minutes), and a picture or sound that it
-- refused: paid for, and kept until its author's next command.
ALTER TABLE claims ADD COLUMN parked_at INTEGER;

CREATE INDEX claims_parked ON claims (author_id, trigger_id) WHERE parked_at IS NOT NULL;
