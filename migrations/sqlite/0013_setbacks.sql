-- Failures that say nothing about the file: the network, or a refusal that would concern every file. They lengthen its
-- pause and put it behind the others, and use up none of its tries.
ALTER TABLE media_file ADD COLUMN setbacks INTEGER NOT NULL DEFAULT 0;
