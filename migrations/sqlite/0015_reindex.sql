-- Each part of the index remembers the number of the rules it was written by, and how many of its records, from its beginning
-- on, have moved to a part of the present rules. Parts from before this migration are of version 2.
ALTER TABLE index_segment ADD COLUMN words INTEGER NOT NULL DEFAULT 2;
ALTER TABLE index_segment ADD COLUMN moved INTEGER NOT NULL DEFAULT 0;
-- Messages of a known type whose payload is not of its documented shape; counted in every answer.
-- Of `message.flaws`: 64 the payload could not be read as that of its type.
CREATE INDEX message_misshapen ON message (record) WHERE flaws & 64;
