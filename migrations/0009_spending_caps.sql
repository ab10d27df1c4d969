-- Servers and members have caps on spending, too. Each index holds all that the sum of a day or a month needs.

DROP INDEX usage_by_author;

CREATE INDEX usage_by_author ON usage_ledger
    (author_id, created_at, trigger_id, settled_micro_usd, reserved_micro_usd);

CREATE INDEX usage_by_guild ON usage_ledger (guild_id, created_at, settled_micro_usd, reserved_micro_usd)
WHERE guild_id IS NOT NULL;

-- Tasks are walked by their ids when old ones are deleted.
DROP INDEX tasks_by_time;
