-- The archive of one or several companies. Never edited once released: later changes are later files.
--
-- Numbers: seq is an unsigned 64-bit number kept with its bits unchanged, so from 2^63 on it is negative here.
-- Times are UTC milliseconds, 0 meaning none. Rows numbered 0 stand for "none" (nobody, no chat, no audience), so that
-- no comparison in a query ever meets NULL.

CREATE TABLE company (
  id      INTEGER PRIMARY KEY,
  name    TEXT NOT NULL UNIQUE,
  corpid  TEXT NOT NULL,
  cursor  INTEGER NOT NULL DEFAULT 0          -- the greatest seq landed
) STRICT;

-- One puller per company. The term grows whenever the lease changes hands.
CREATE TABLE lease (
  company INTEGER PRIMARY KEY REFERENCES company,
  holder  TEXT,                               -- NULL: released
  until   INTEGER NOT NULL,
  term    INTEGER NOT NULL
) STRICT;

-- The books: runs, and every call of GetChatData.
CREATE TABLE run (
  id        INTEGER PRIMARY KEY,
  company   INTEGER NOT NULL REFERENCES company,
  command   TEXT NOT NULL,
  began     INTEGER NOT NULL,
  ended     INTEGER,                          -- NULL: still going, or it died
  outcome   TEXT,
  received  INTEGER NOT NULL DEFAULT 0,
  stored    INTEGER NOT NULL DEFAULT 0,
  opened    INTEGER NOT NULL DEFAULT 0,
  duplicate INTEGER NOT NULL DEFAULT 0,
  changed   INTEGER NOT NULL DEFAULT 0,
  stray     INTEGER NOT NULL DEFAULT 0,
  calls     INTEGER NOT NULL DEFAULT 0,
  waiting   TEXT NOT NULL DEFAULT '{}'        -- JSON: reason to count
) STRICT;

CREATE TABLE pull_call (
  id        INTEGER PRIMARY KEY,
  company   INTEGER NOT NULL REFERENCES company,
  run       INTEGER NOT NULL REFERENCES run,
  asked     INTEGER NOT NULL,
  max_items INTEGER NOT NULL,
  first     INTEGER,
  last      INTEGER,
  count     INTEGER NOT NULL,
  code      INTEGER NOT NULL,
  errcode   INTEGER NOT NULL,
  outcome   TEXT NOT NULL,
  sdk_build TEXT NOT NULL,
  at        INTEGER NOT NULL,
  took_ms   INTEGER NOT NULL
) STRICT;

-- Short words that repeat: types, actions, library builds.
CREATE TABLE word (
  id   INTEGER PRIMARY KEY,
  text TEXT NOT NULL UNIQUE
) STRICT;

-- A landed record. state: 0 sealed, 1 opened, 2 no_key, 3 key_mismatch, 4 malformed, 5 refused, 6 poison.
CREATE TABLE record (
  id         INTEGER PRIMARY KEY,
  company    INTEGER NOT NULL REFERENCES company,
  seq        INTEGER NOT NULL,
  msgid      TEXT NOT NULL,                   -- of the envelope; not unique
  version    INTEGER NOT NULL,
  state      INTEGER NOT NULL,
  detail     TEXT NOT NULL DEFAULT '',
  attempts   INTEGER NOT NULL DEFAULT 0,
  sha256     BLOB NOT NULL,                   -- of everything landed
  tried_key  TEXT,                            -- fingerprint of the key of its version when it was last tried in vain
  sdk_build  INTEGER REFERENCES word,
  landed_at  INTEGER NOT NULL,
  settled_at INTEGER,
  UNIQUE (company, seq)
) STRICT;
CREATE INDEX record_msgid ON record (msgid);
CREATE INDEX record_sealed ON record (company, id) WHERE state = 0;
CREATE INDEX record_waiting ON record (id) WHERE state >= 2;

-- What was landed, verbatim and for ever.
CREATE TABLE sealed (
  record     INTEGER PRIMARY KEY REFERENCES record,
  random_key TEXT NOT NULL,
  body       TEXT NOT NULL,
  odd        TEXT
) STRICT;

-- Other copies of a record: same seq, other bytes.
CREATE TABLE variant (
  id         INTEGER PRIMARY KEY,
  record     INTEGER NOT NULL REFERENCES record,
  sha256     BLOB NOT NULL,
  msgid      TEXT NOT NULL,
  version    INTEGER NOT NULL,
  random_key TEXT NOT NULL,
  body       TEXT NOT NULL,
  odd        TEXT,
  tried      INTEGER NOT NULL,                -- 1: was the current copy once and did not open
  tried_key  TEXT,
  UNIQUE (record, sha256)
) STRICT;

-- Items without a usable seq, as received.
CREATE TABLE stray (
  company INTEGER NOT NULL REFERENCES company,
  sha256  BLOB NOT NULL,
  raw     TEXT NOT NULL,
  at      INTEGER NOT NULL,
  PRIMARY KEY (company, sha256)
) STRICT;

-- How many records are in which state, kept by triggers so that coverage never has to count.
CREATE TABLE tally (
  company INTEGER NOT NULL REFERENCES company,
  state   INTEGER NOT NULL,
  count   INTEGER NOT NULL,
  PRIMARY KEY (company, state)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER record_arrives AFTER INSERT ON record BEGIN
  INSERT INTO tally (company, state, count) VALUES (new.company, new.state, 1)
    ON CONFLICT DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER record_moves AFTER UPDATE OF state ON record WHEN old.state <> new.state BEGIN
  UPDATE tally SET count = count - 1 WHERE company = old.company AND state = old.state;
  INSERT INTO tally (company, state, count) VALUES (new.company, new.state, 1)
    ON CONFLICT DO UPDATE SET count = count + 1;
END;

CREATE TABLE person (
  id  INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE                    -- folded as people are compared
) STRICT;
INSERT INTO person (id, key) VALUES (0, '');

-- kind: 0 none, 1 room (key: roomid), 2 people (key: JSON array of folded ids, sorted).
CREATE TABLE chat (
  id      INTEGER PRIMARY KEY,
  company INTEGER NOT NULL,
  kind    INTEGER NOT NULL,
  key     TEXT NOT NULL,
  UNIQUE (kind, key, company)
) STRICT;
INSERT INTO chat (id, company, kind, key) VALUES (0, 0, 0, '');

-- The set of everybody in a message, sender included; shared by all messages with the same people, so that a large
-- group costs one row per person once and not per message.
CREATE TABLE audience (
  id   INTEGER PRIMARY KEY,
  hash BLOB NOT NULL UNIQUE
) STRICT;
INSERT INTO audience (id, hash) VALUES (0, x'');
CREATE TABLE audience_member (
  person   INTEGER NOT NULL REFERENCES person,
  audience INTEGER NOT NULL REFERENCES audience,
  PRIMARY KEY (person, audience)
) STRICT, WITHOUT ROWID;
CREATE INDEX audience_people ON audience_member (audience);

-- What an opened record says. Narrow, because whole-archive questions read all of it; the body is elsewhere.
-- scope: 0 internal, 1 external, 2 up/down. direction: 0 in, 1 out, 2 within, 3 none.
-- flags: 1 media, 2 file, 4 link, 8 the sender is also a receiver, 16 inner msgid differs.
-- flaws: 1 not JSON, 2 read leniently, 4 unknown type, 8 nested part kept raw.
CREATE TABLE message (
  record    INTEGER PRIMARY KEY REFERENCES record,
  company   INTEGER NOT NULL,
  seq       INTEGER NOT NULL,
  time      INTEGER NOT NULL,
  sender    INTEGER NOT NULL REFERENCES person,
  chat      INTEGER NOT NULL REFERENCES chat,
  audience  INTEGER NOT NULL REFERENCES audience,
  type      INTEGER NOT NULL REFERENCES word,
  action    INTEGER NOT NULL REFERENCES word,
  scope     INTEGER NOT NULL,
  direction INTEGER NOT NULL,
  flags     INTEGER NOT NULL,
  flaws     INTEGER NOT NULL,
  msgid     TEXT                              -- inner msgid where it is not the record's
) STRICT;
CREATE INDEX message_time ON message (time, seq);
CREATE INDEX message_chat ON message (chat, time, seq);
CREATE INDEX message_sender ON message (sender, time);
CREATE INDEX message_audience ON message (audience);
CREATE INDEX message_msgid ON message (msgid) WHERE msgid IS NOT NULL;
CREATE INDEX message_unreadable ON message (record) WHERE flaws & 1;

-- The bytes as opened: the truth that everything above is derived from.
CREATE TABLE plaintext (
  record INTEGER PRIMARY KEY REFERENCES record,
  body   BLOB NOT NULL
) STRICT;

-- Joined to their originals when asked, so that the order of arrival does not matter.
CREATE TABLE recall (
  record    INTEGER PRIMARY KEY REFERENCES record,
  company   INTEGER NOT NULL,
  pre_msgid TEXT NOT NULL
) STRICT;
CREATE INDEX recall_target ON recall (pre_msgid);

CREATE TABLE media (
  record    INTEGER NOT NULL REFERENCES record,
  ord       INTEGER NOT NULL,
  kind      TEXT NOT NULL,
  sdkfileid TEXT NOT NULL,
  md5       TEXT,
  size      INTEGER,
  filename  TEXT,
  seconds   INTEGER,
  depth     INTEGER NOT NULL,
  PRIMARY KEY (record, ord)
) STRICT, WITHOUT ROWID;

-- Terms as `src/words/cut.rs` makes them, one column per place. Contentless: the text itself is in plaintext.
CREATE VIRTUAL TABLE text_index USING fts5 (
  text, filename, forwarded, quote, card, link, other,
  content = '', columnsize = 0, detail = full, tokenize = 'ascii'
);

-- Facts about this file.
CREATE TABLE fact (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT;
