-- The turn whose place a question's answer is to take. Whoever deletes the new one forgets the old one too, also where
-- that was kept because the conversation had gone on; and what went on from a turn goes with it.

ALTER TABLE claims ADD COLUMN replaces_trigger_id INTEGER;

CREATE INDEX claims_by_subject ON claims (about_trigger_id) WHERE about_trigger_id IS NOT NULL;
