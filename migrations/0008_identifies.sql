-- When the bot logged in to the gateway during the last day. Discord resets a token after 1,000 logins a day, and a
-- program that crashes at every start can count them only here.

CREATE TABLE identifies (identified_at INTEGER NOT NULL) STRICT;
