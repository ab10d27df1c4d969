-- Text of the files that came along with a question, so that a later prompt renders the turn byte for byte as it was.
-- Never a link, and never the file.

ALTER TABLE turns ADD COLUMN attachments TEXT;  -- JSON; NULL: none
