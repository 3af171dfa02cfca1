-- Events that WeCom sent, what is to be read again because of them, and what people were told.

-- As received, with secrets covered. A repetition is the same row, counted.
CREATE TABLE event (
  id       INTEGER PRIMARY KEY,
  company  INTEGER NOT NULL REFERENCES company,
  mark     BLOB NOT NULL,                     -- SHA-256 that tells repetitions
  name     TEXT NOT NULL,
  change   TEXT NOT NULL,                     -- ChangeType; empty when it has none
  known    INTEGER NOT NULL,
  at       INTEGER NOT NULL,                  -- CreateTime; 0: none
  received INTEGER NOT NULL,
  last     INTEGER NOT NULL,                  -- when it came the last time
  times    INTEGER NOT NULL DEFAULT 1,
  state    INTEGER NOT NULL,                  -- 0 nothing follows, 1 something is to be read again, 2 that was done
  handled  INTEGER NOT NULL DEFAULT 0,        -- when it was done
  body     BLOB NOT NULL,
  UNIQUE (company, mark)
) STRICT;
CREATE INDEX event_last ON event (last);

-- One row per event and subject; a pass takes the subject once and settles all rows it had seen.
CREATE TABLE stale (
  id      INTEGER PRIMARY KEY,
  company INTEGER NOT NULL REFERENCES company,
  kind    INTEGER NOT NULL,                   -- 1 person, 2 room, 3 member and customer
  who     TEXT NOT NULL,
  whom    TEXT NOT NULL,                      -- the customer of a pair; empty otherwise
  why     TEXT NOT NULL,
  since   INTEGER NOT NULL,
  due     INTEGER NOT NULL,                   -- not to be read before
  event   INTEGER NOT NULL REFERENCES event,
  UNIQUE (company, kind, who, whom, event)
) STRICT;
CREATE INDEX stale_event ON stale (event);

-- The last pull that went well, however long ago.
CREATE INDEX run_done ON run (company, id) WHERE command = 'pull' AND outcome = 'done';

-- A condition that people are told of: from its first to its last sight.
CREATE TABLE incident (
  id      INTEGER PRIMARY KEY,
  company TEXT NOT NULL,                      -- its name in the configuration; empty: the whole archive
  kind    TEXT NOT NULL,
  subject TEXT NOT NULL,
  began   INTEGER NOT NULL,
  seen    INTEGER NOT NULL,
  ended   INTEGER NOT NULL DEFAULT 0,         -- 0: still so
  facts   TEXT NOT NULL                       -- JSON
) STRICT;
CREATE UNIQUE INDEX incident_open ON incident (company, kind, subject) WHERE ended = 0;

-- What one target was told of one incident.
CREATE TABLE telling (
  incident  INTEGER NOT NULL REFERENCES incident,
  target    TEXT NOT NULL,
  told      INTEGER NOT NULL,
  last      INTEGER NOT NULL,
  reminders INTEGER NOT NULL,
  cleared   INTEGER NOT NULL,                 -- 0: not yet
  PRIMARY KEY (target, incident)
) STRICT, WITHOUT ROWID;
CREATE INDEX telling_incident ON telling (incident);
CREATE INDEX telling_open ON telling (target) WHERE cleared = 0;

-- How a target does; `busy` keeps two processes from telling it the same.
CREATE TABLE target (
  name  TEXT PRIMARY KEY,
  busy  INTEGER NOT NULL DEFAULT 0,
  state TEXT NOT NULL DEFAULT '{}'            -- JSON
) STRICT, WITHOUT ROWID;
