-- Nothing from outside is believed: what DecryptData answered without giving a message, seqs that cannot be right, ranges of
-- the stream that were not seen, and items without a seq, each with what becomes of it.
--
-- In the same transaction the program then takes back what older programs counted as opened without a message.

-- Two records with the same seq and different msgids are two messages (a stream that began again, a seq that is wrong).
-- The second one is the twin 1, and so on.
CREATE TABLE record_next (
  id         INTEGER PRIMARY KEY,
  company    INTEGER NOT NULL REFERENCES company,
  seq        INTEGER NOT NULL,
  twin       INTEGER NOT NULL DEFAULT 0,
  msgid      TEXT NOT NULL,                   -- of the envelope; not unique
  version    INTEGER NOT NULL,
  state      INTEGER NOT NULL,                -- as before; 7 unreadable
  detail     TEXT NOT NULL DEFAULT '',
  attempts   INTEGER NOT NULL DEFAULT 0,
  sha256     BLOB NOT NULL,                   -- of everything landed
  tried_key  TEXT,                            -- fingerprint of the key of its version when it was last tried in vain
  sdk_build  INTEGER REFERENCES word,
  landed_at  INTEGER NOT NULL,
  settled_at INTEGER,
  UNIQUE (company, seq, twin)
) STRICT;
INSERT INTO record_next (id, company, seq, msgid, version, state, detail, attempts, sha256, tried_key, sdk_build,
    landed_at, settled_at)
  SELECT id, company, seq, msgid, version, state, detail, attempts, sha256, tried_key, sdk_build, landed_at, settled_at
  FROM record ORDER BY id;
DROP TABLE record;
ALTER TABLE record_next RENAME TO record;
CREATE INDEX record_sealed ON record (company, id) WHERE state = 0;
CREATE INDEX record_waiting ON record (id) WHERE state >= 2;
CREATE INDEX record_asked ON record (company, state, version, tried_key, sdk_build, seq) WHERE state >= 2;

-- The greatest cursor there ever was: the cursor goes back when it turns out that it was wrong.
ALTER TABLE company ADD COLUMN reached INTEGER NOT NULL DEFAULT 0;
UPDATE company SET reached = cursor;

-- SHA-256 (salt, then the bytes as opened), written when they are opened; NULL: opened by an older program.
ALTER TABLE plaintext ADD COLUMN salt BLOB;
ALTER TABLE plaintext ADD COLUMN sha256 BLOB;

-- What DecryptData last returned for a record, with success, that is not the record's message. Packed as in plaintext.
CREATE TABLE answer (
  record     INTEGER PRIMARY KEY REFERENCES record,
  dictionary INTEGER,
  body       BLOB NOT NULL,
  at         INTEGER NOT NULL
) STRICT;

-- Records whose seq cannot be right; the cursor does not follow them.
CREATE TABLE seq_doubt (
  record INTEGER PRIMARY KEY REFERENCES record,
  cursor INTEGER NOT NULL,                    -- where the cursor stayed
  at     INTEGER NOT NULL
) STRICT;

-- Ranges of the stream that were not seen, and why. kind: 1 skipped by --from-seq, 2 unpullable, 3 WeCom's five days
-- passed, 4 WeCom's numbering jumped, 5 the cursor went back. state: 0 open, 1 seen since or explained, 2 given up.
CREATE TABLE gap (
  id       INTEGER PRIMARY KEY,
  company  INTEGER NOT NULL REFERENCES company,
  run      INTEGER NOT NULL REFERENCES run,
  kind     INTEGER NOT NULL,
  first    INTEGER NOT NULL,                  -- seqs, both inclusive
  last     INTEGER NOT NULL,
  cause    TEXT NOT NULL,
  found    INTEGER NOT NULL,
  tries    INTEGER NOT NULL DEFAULT 0,
  next_try INTEGER NOT NULL DEFAULT 0,
  state    INTEGER NOT NULL DEFAULT 0,
  ended    INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX gap_open ON gap (company, kind) WHERE state = 0;

-- Items without a usable seq, byte for byte as received. record: what it turned out to be; NULL: still nobody knows.
CREATE TABLE stray_item (
  id      INTEGER PRIMARY KEY,
  company INTEGER NOT NULL REFERENCES company,
  sha256  BLOB NOT NULL,
  raw     BLOB NOT NULL,
  asked   INTEGER NOT NULL DEFAULT 0,         -- seq that the call asked for
  at      INTEGER NOT NULL,
  record  INTEGER REFERENCES record,
  UNIQUE (company, sha256)
) STRICT;
INSERT INTO stray_item (company, sha256, raw, at)
  SELECT company, sha256, CAST(raw AS BLOB), at FROM stray ORDER BY at, sha256;
DROP TABLE stray;
ALTER TABLE stray_item RENAME TO stray;
CREATE INDEX stray_open ON stray (company) WHERE record IS NULL;

-- The calls of one run.
CREATE INDEX pull_call_run ON pull_call (run);
