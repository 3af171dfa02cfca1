-- A text index of our own, smaller bodies, and no index that is written at random places.
--
-- In the same transaction the program then packs what is kept and builds the index from the bodies.

-- One sorted piece of the index: opened records in the order they were opened. Small pieces are merged into
-- greater ones. Every opened record is in exactly one.
CREATE TABLE index_segment (
  id       INTEGER PRIMARY KEY,
  docs     INTEGER NOT NULL,
  postings INTEGER NOT NULL,
  first    INTEGER NOT NULL,                  -- least time of its records
  last     INTEGER NOT NULL                   -- greatest
) STRICT;

-- 256 records each: row, seq and time. id: segment << 24 | number.
CREATE TABLE index_doc (
  id    INTEGER PRIMARY KEY,
  until INTEGER NOT NULL,                     -- greatest time of this block and all before it in the segment
  since INTEGER NOT NULL,                     -- least time of this block and all behind it
  low   INTEGER NOT NULL,                     -- least time of this block
  high  INTEGER NOT NULL,                     -- greatest
  data  BLOB NOT NULL
) STRICT;

-- Terms with the records, and the places in them, where they stand; ascending over all blocks of a segment.
-- id as above.
CREATE TABLE index_block (
  id   INTEGER PRIMARY KEY,
  data BLOB NOT NULL
) STRICT;

-- The last term of each block.
CREATE TABLE index_key (
  segment INTEGER NOT NULL,
  term    INTEGER NOT NULL,
  block   INTEGER NOT NULL,
  PRIMARY KEY (segment, term, block)
) STRICT, WITHOUT ROWID;

-- Dictionaries of the compressed bodies; never changed, never removed.
CREATE TABLE dictionary (
  id    INTEGER PRIMARY KEY,
  bytes BLOB NOT NULL
) STRICT;

-- NULL: the bytes as they are; 0: compressed; otherwise: compressed with this dictionary.
ALTER TABLE plaintext ADD COLUMN dictionary INTEGER;

-- What was landed. A blob stands for the text that is its base64. Gone some time after opening, if so configured.
CREATE TABLE original (
  record     INTEGER PRIMARY KEY REFERENCES record,
  random_key ANY NOT NULL,
  body       ANY NOT NULL,
  odd        TEXT
) STRICT;
INSERT INTO original SELECT record, random_key, body, odd FROM sealed;
DROP TABLE sealed;
ALTER TABLE original RENAME TO sealed;

CREATE TABLE copy (
  id         INTEGER PRIMARY KEY,
  record     INTEGER NOT NULL REFERENCES record,
  sha256     BLOB NOT NULL,
  msgid      TEXT NOT NULL,
  version    INTEGER NOT NULL,
  random_key ANY NOT NULL,
  body       ANY NOT NULL,
  odd        TEXT,
  tried      INTEGER NOT NULL,
  tried_key  TEXT,
  UNIQUE (record, sha256)
) STRICT;
INSERT INTO copy SELECT id, record, sha256, msgid, version, random_key, body, odd, tried, tried_key FROM variant;
DROP TABLE variant;
ALTER TABLE copy RENAME TO variant;

-- The program counts per transaction instead of per row.
DROP TRIGGER record_arrives;
DROP TRIGGER record_moves;

-- Found through the index now.
DROP INDEX record_msgid;
DROP INDEX message_time;
DROP INDEX message_chat;
DROP INDEX message_sender;
DROP INDEX message_audience;
DROP INDEX message_msgid;

-- Follows from the body whenever it is asked for.
DROP TABLE media;
DROP TABLE text_index;
