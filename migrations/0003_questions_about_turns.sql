-- Answers get buttons (regenerate, go on, delete), and the messages of questions may be edited or deleted.

-- The Discord message that holds the words of a question, also when a button asked it again.
ALTER TABLE claims ADD COLUMN message_id INTEGER;

-- The turn that a button's question is about. One such question at a time: two presses at once cannot both be claimed.
ALTER TABLE claims ADD COLUMN about_trigger_id INTEGER;

-- The reply in the outbox is an answer that was cut.
ALTER TABLE claims ADD COLUMN incomplete INTEGER NOT NULL DEFAULT 0 CHECK (incomplete IN (0, 1));

-- What the member had set for a question (JSON), so that it can be asked again the same way.
ALTER TABLE turns ADD COLUMN options TEXT;

UPDATE claims SET message_id = trigger_id
WHERE trigger_id IN (SELECT message_id FROM turns WHERE message_id IS NOT NULL);

CREATE UNIQUE INDEX one_question_about_a_turn ON claims (about_trigger_id)
WHERE about_trigger_id IS NOT NULL AND state IN ('claimed', 'generating', 'ready');

CREATE INDEX claims_by_message ON claims (message_id) WHERE message_id IS NOT NULL;

CREATE INDEX turns_by_message ON turns (message_id) WHERE message_id IS NOT NULL;
