-- What is stored is checked when it is read. All of these columns are NULL where an older program wrote the row, until the
-- row is written again or `shiguan verify --write-digests` has read it. The sums are XXH3 with 64 bits: they notice bits that
-- turned by themselves, and do not resist somebody who computes them anew.

-- Over the columns of the message, the names they stand for, the columns of its record that no body tells (seq, twin, msgid,
-- version, landed_at, sha256), what it recalls, and the digest of its body.
ALTER TABLE message ADD COLUMN guard INTEGER;

-- Over all other columns of the row.
ALTER TABLE index_segment ADD COLUMN blocks INTEGER;         -- how many blocks of terms it has
ALTER TABLE index_segment ADD COLUMN top INTEGER;            -- its greatest term
ALTER TABLE index_segment ADD COLUMN sum INTEGER;
ALTER TABLE index_segment ADD COLUMN damaged INTEGER NOT NULL DEFAULT 0; -- 1: a merge found it damaged and left it alone
ALTER TABLE index_doc ADD COLUMN sum INTEGER;
ALTER TABLE index_block ADD COLUMN before INTEGER;           -- the last term of the block before it
ALTER TABLE index_block ADD COLUMN sum INTEGER;
ALTER TABLE index_key ADD COLUMN sum INTEGER;

-- Records that were opened, turned out to be damaged, and went back to be opened again from what was landed. The search
-- index still has them, so that they are not added to it a second time. body: the damaged one, as it was.
CREATE TABLE reopened (
  record     INTEGER PRIMARY KEY REFERENCES record,
  dictionary INTEGER,
  body       BLOB NOT NULL,
  salt       BLOB,
  sha256     BLOB,
  at         INTEGER NOT NULL,
  is_indexed INTEGER NOT NULL                 -- 1: it is not open again yet, and the index has it
) STRICT;
