-- Incidents that only a person ends, windows that were missed, and how long another process's lease has been in the way.

-- Who took note of the incident, and when; 0: nobody.
ALTER TABLE incident ADD COLUMN acked_by TEXT NOT NULL DEFAULT '';
ALTER TABLE incident ADD COLUMN acked_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE incident ADD COLUMN acked_note TEXT NOT NULL DEFAULT '';

-- Between two calls that WeCom answered lay more than the time it keeps records: what was said from `since` to `until`
-- may have been deleted before it was pulled.
CREATE TABLE missed_window (
  id      INTEGER PRIMARY KEY,
  company INTEGER NOT NULL REFERENCES company,
  since   INTEGER NOT NULL,                   -- the last call that was answered before
  until   INTEGER NOT NULL,                   -- what was said later was still there
  noticed INTEGER NOT NULL,                   -- the first call that was answered after
  UNIQUE (company, since)
) STRICT;

-- A lease as it was seen when it was in the way. A lease that is not renewed while it is watched has no living holder,
-- whatever its row says about clocks.
CREATE TABLE lease_sighting (
  company INTEGER NOT NULL REFERENCES company,
  place   TEXT NOT NULL,                      -- which monotonic clock: machine, boot, time namespace
  term    INTEGER NOT NULL,
  until   INTEGER NOT NULL,
  since   INTEGER NOT NULL,                   -- first seen like this, in milliseconds of that clock
  began   INTEGER NOT NULL,                   -- first seen with this term, by the wall clock
  PRIMARY KEY (company, place)
) STRICT, WITHOUT ROWID;
