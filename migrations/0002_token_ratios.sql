-- How each model's own token counts compare with the estimate: learned from returned usage, kept over restarts, so that
-- budgets fit from the first question on.

CREATE TABLE token_ratios (
    model      TEXT PRIMARY KEY,
    ratio      REAL NOT NULL CHECK (ratio > 0),   -- tokens as the server counts them per estimated token
    learned_at INTEGER NOT NULL
) STRICT;
