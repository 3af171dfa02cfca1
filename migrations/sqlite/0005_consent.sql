-- Whether external people agreed to being archived, as it was learnt, and who is recorded at all.
--
-- A subject is an external person in a conversation. kind: 1 a room (who: roomid), 2 a single chat (who: the member,
-- folded). Texts instead of rows of `person`, because events and answers name people who never wrote anything.

-- What was learnt. Nothing is taken back; repeated readings only move `seen`.
-- status: as WeCom writes it (Agree, Disagree, Default_Agree), anything else verbatim.
-- since: when it took effect; dated 0: nobody said, and it is when it was first learnt.
-- how: 1 asked, 2 event, 3 message. learnt, seen: first and last time.
CREATE TABLE consent_change (
  id       INTEGER PRIMARY KEY,
  company  INTEGER NOT NULL REFERENCES company,
  kind     INTEGER NOT NULL,
  who      TEXT NOT NULL,
  external TEXT NOT NULL,
  status   TEXT NOT NULL,
  since    INTEGER NOT NULL,
  dated    INTEGER NOT NULL,
  how      INTEGER NOT NULL,
  learnt   INTEGER NOT NULL,
  seen     INTEGER NOT NULL,
  record   INTEGER REFERENCES record,          -- of how 3
  UNIQUE (company, kind, who, external, since, how, dated, status)
) STRICT;
CREATE INDEX consent_external ON consent_change (company, external);

-- What is to be asked: pairs, and rooms as a whole (external empty).
CREATE TABLE consent_ask (
  company  INTEGER NOT NULL REFERENCES company,
  kind     INTEGER NOT NULL,
  who      TEXT NOT NULL,
  external TEXT NOT NULL,
  asked    INTEGER NOT NULL DEFAULT 0,         -- last time WeCom answered; 0: never
  due      INTEGER NOT NULL DEFAULT 0,
  failures INTEGER NOT NULL DEFAULT 0,         -- in a row
  fault    TEXT NOT NULL DEFAULT '',           -- of the last one
  PRIMARY KEY (company, kind, who, external)
) STRICT, WITHOUT ROWID;
CREATE INDEX consent_ask_due ON consent_ask (company, due);

-- How far the archive's own records were looked through for subjects and for agree and disagree messages.
CREATE TABLE consent_mark (
  company     INTEGER PRIMARY KEY REFERENCES company,
  record      INTEGER NOT NULL DEFAULT 0,
  opened      INTEGER NOT NULL DEFAULT 0,      -- records looked at
  scope_asked INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Records at or before the mark that were not open when it passed.
CREATE TABLE consent_late (
  company INTEGER NOT NULL,
  record  INTEGER NOT NULL,
  PRIMARY KEY (company, record)
) STRICT, WITHOUT ROWID;

-- Members whose conversations WeCom records, as its list named them: from the first time to the last, and the first
-- time they were missing (0: still named).
CREATE TABLE scope_span (
  company INTEGER NOT NULL REFERENCES company,
  member  TEXT NOT NULL,
  since   INTEGER NOT NULL,
  seen    INTEGER NOT NULL,
  until   INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (company, member, since)
) STRICT, WITHOUT ROWID;
