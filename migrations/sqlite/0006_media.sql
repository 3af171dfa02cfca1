-- The files that hang on messages: what became of each, and what their bytes are. The bytes lie in the vault, under the
-- name of their SHA-256; the handles they are fetched with stay where they came from, in the bodies.

-- One row per different content, whoever sent it and how often.
CREATE TABLE media_content (
  id       INTEGER PRIMARY KEY,
  sha256   BLOB NOT NULL UNIQUE,
  md5      BLOB NOT NULL,
  bytes    INTEGER NOT NULL,
  mime     TEXT NOT NULL,                     -- by its first bytes, never by its name
  ending   TEXT NOT NULL,
  playable INTEGER REFERENCES media_content,  -- the form that browsers play
  silent   TEXT NOT NULL DEFAULT ''           -- why a voice has none
) STRICT;

-- One row per file of a message. state: 0 pending, 1 partial, 2 kept, 3 kept and not as announced, 4 expired, 5 refused,
-- 6 gone.
CREATE TABLE media_file (
  id         INTEGER PRIMARY KEY,
  record     INTEGER NOT NULL REFERENCES record,
  ord        INTEGER NOT NULL,                -- which of the record's files, from 0, in reading order
  company    INTEGER NOT NULL REFERENCES company,
  handle     BLOB NOT NULL,                   -- SHA-256 of the handle: equal handles are fetched once
  kind       TEXT NOT NULL,
  md5        TEXT,                            -- as announced
  size       INTEGER,                         -- as announced
  filename   TEXT,
  since      INTEGER NOT NULL,                -- when it was sent, or else landed: its time runs from here
  state      INTEGER NOT NULL DEFAULT 0,
  detail     TEXT NOT NULL DEFAULT '',
  attempts   INTEGER NOT NULL DEFAULT 0,
  differed   INTEGER NOT NULL DEFAULT 0,      -- attempts that ended whole and not as announced
  next_try   INTEGER NOT NULL DEFAULT 0,
  have       INTEGER NOT NULL DEFAULT 0,      -- bytes that lie ready to go on from
  cursor     TEXT NOT NULL DEFAULT '',        -- where to go on; never shown
  content    INTEGER REFERENCES media_content,
  settled_at INTEGER,
  UNIQUE (record, ord)
) STRICT;
CREATE INDEX media_file_due ON media_file (company, since) WHERE state < 2;
CREATE INDEX media_file_state ON media_file (state, record);
CREATE INDEX media_file_handle ON media_file (company, handle);

-- Records that were not open yet when they were looked at for files.
CREATE TABLE media_unread (
  record INTEGER PRIMARY KEY REFERENCES record
) STRICT;
