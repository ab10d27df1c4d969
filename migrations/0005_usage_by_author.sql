-- Each member may ask so often an hour. Holds all that the count needs.

CREATE INDEX usage_by_author ON usage_ledger (author_id, created_at, trigger_id);
