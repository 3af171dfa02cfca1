-- Who they were: people, rooms, departments and tags, each thing said about them as a span of time.

-- Everybody and everything a company's directory can be asked about.
-- class: 0 person, 1 room, 2 department, 3 tag of members, 4 tag of customers.
-- kind: of a person 0 member, 1 outside, 2 robot; of a room 0 internal, 1 with outsiders, as far as known.
-- state: 0 never answered, 1 answered, 2 not available (why says why).
CREATE TABLE subject (
  id       INTEGER PRIMARY KEY,
  company  INTEGER NOT NULL REFERENCES company,
  class    INTEGER NOT NULL,
  kind     INTEGER NOT NULL,
  key      TEXT NOT NULL,                     -- folded as people are compared
  spelt    TEXT NOT NULL,                     -- as first seen, for display
  state    INTEGER NOT NULL DEFAULT 0,
  why      TEXT NOT NULL DEFAULT '',
  tries    INTEGER NOT NULL DEFAULT 0,        -- in vain since the last answer
  asked    INTEGER NOT NULL DEFAULT 0,        -- when it was last asked about; 0 never
  answered INTEGER NOT NULL DEFAULT 0,        -- when that was last answered; 0 never
  due      INTEGER NOT NULL DEFAULT 0,        -- when to ask again
  UNIQUE (company, class, key)
) STRICT;
CREATE INDEX subject_due ON subject (company, class, kind, due);

-- One thing that was so for a time. A new row only when something changed.
CREATE TABLE known (
  id      INTEGER PRIMARY KEY,
  subject INTEGER NOT NULL REFERENCES subject,
  aspect  INTEGER NOT NULL,                   -- `Aspect` of the program
  item    TEXT NOT NULL,                      -- which of several: a follower, a department, a tag; else empty
  value   TEXT NOT NULL,
  folded  TEXT,                               -- of names: as searches compare it
  since   INTEGER NOT NULL,                   -- when it began as the platform says; 0 when it does not
  learnt  INTEGER NOT NULL,                   -- when the archive was first told
  seen    INTEGER,                            -- of an ended one: the last time it was told so
  until   INTEGER,                            -- the first time it was told otherwise; NULL: still so
  how     TEXT NOT NULL                       -- the call that said so
) STRICT;
CREATE INDEX known_subject ON known (subject, aspect);
CREATE INDEX known_item ON known (aspect, item);
CREATE INDEX known_folded ON known (folded, subject, aspect) WHERE folded IS NOT NULL;

-- Lists that are read as a whole, and when.
CREATE TABLE reading (
  company INTEGER NOT NULL REFERENCES company,
  list    TEXT NOT NULL,
  read_at INTEGER NOT NULL,
  PRIMARY KEY (company, list)
) STRICT, WITHOUT ROWID;

-- How far messages were looked through for ids nobody has asked about.
CREATE TABLE meeting (
  company INTEGER PRIMARY KEY REFERENCES company,
  record  INTEGER NOT NULL,                   -- up to this row
  counted INTEGER NOT NULL                    -- messages seen; fewer than there are: older records were opened late
) STRICT;
