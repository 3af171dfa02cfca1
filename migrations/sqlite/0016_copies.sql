-- Rows that nothing else proves are kept twice: as rows, and whole in an index. The engine's own check (`integrity_check`)
-- compares the two, so a bit that turns in one of them is noticed and its row is named. `WHERE 1` keeps these indexes out of
-- every query plan: no answer is read from a copy, and no order changes.
-- Not here: tables whose rows have sums or digests (message, plaintext, sealed, index_*), and those that an index holds whole
-- already (word, person, chat, audience, audience_member).

CREATE INDEX company_copy ON company (name, corpid, cursor, reached) WHERE 1;
CREATE INDEX lease_copy ON lease (company, holder, until, term) WHERE 1;
CREATE INDEX lease_sighting_copy ON lease_sighting (term, until, since, began) WHERE 1;
CREATE INDEX run_copy ON run (company, command, began, ended, outcome, received, stored, opened, duplicate, changed, stray,
  calls, waiting) WHERE 1;
CREATE INDEX pull_call_copy ON pull_call (company, run, asked, max_items, first, last, count, code, errcode, outcome,
  sdk_build, at, took_ms) WHERE 1;
CREATE INDEX tally_copy ON tally (count) WHERE 1;
CREATE INDEX fact_copy ON fact (name, value) WHERE 1;
CREATE INDEX dictionary_copy ON dictionary (bytes) WHERE 1;
CREATE INDEX variant_copy ON variant (record, msgid, version, tried, tried_key) WHERE 1;
CREATE INDEX recall_copy ON recall (company, pre_msgid) WHERE 1;
CREATE INDEX answer_copy ON answer (dictionary, body, at) WHERE 1;
CREATE INDEX reopened_copy ON reopened (dictionary, body, salt, sha256, at, is_indexed) WHERE 1;
CREATE INDEX stray_copy ON stray (company, asked, at, record) WHERE 1;
CREATE INDEX seq_doubt_copy ON seq_doubt (cursor, at) WHERE 1;
CREATE INDEX gap_copy ON gap (company, run, kind, first, last, cause, found, tries, next_try, state, ended) WHERE 1;
CREATE INDEX missed_window_copy ON missed_window (company, since, until, noticed) WHERE 1;
CREATE INDEX index_segment_copy ON index_segment (damaged) WHERE 1;

CREATE INDEX subject_copy ON subject (company, class, kind, key, spelt, state, why, tries, asked, answered, due) WHERE 1;
CREATE INDEX known_copy ON known (subject, aspect, item, value, folded, since, learnt, seen, until, how) WHERE 1;
CREATE INDEX reading_copy ON reading (read_at) WHERE 1;
CREATE INDEX meeting_copy ON meeting (record, counted) WHERE 1;
CREATE INDEX consent_change_copy ON consent_change (company, kind, who, external, status, since, dated, how, learnt, seen,
  record) WHERE 1;
CREATE INDEX consent_ask_copy ON consent_ask (asked, due, failures, fault) WHERE 1;
CREATE INDEX consent_mark_copy ON consent_mark (record, opened, scope_asked) WHERE 1;
CREATE INDEX consent_late_copy ON consent_late (record) WHERE 1;
CREATE INDEX scope_span_copy ON scope_span (seen, until) WHERE 1;

CREATE INDEX media_content_copy ON media_content (sha256, md5, bytes, mime, ending, playable, silent) WHERE 1;
CREATE INDEX media_file_copy ON media_file (record, ord, company, handle, kind, md5, size, filename, since, state, detail,
  attempts, differed, next_try, have, cursor, content, settled_at, setbacks) WHERE 1;
CREATE INDEX media_unread_copy ON media_unread (record) WHERE 1;

CREATE INDEX event_copy ON event (company, mark, name, change, known, at, received, last, times, state, handled, body) WHERE 1;
CREATE INDEX stale_copy ON stale (company, kind, who, whom, why, since, due, event) WHERE 1;
CREATE INDEX incident_copy ON incident (company, kind, subject, began, seen, ended, facts, acked_by, acked_at, acked_note)
  WHERE 1;
CREATE INDEX telling_copy ON telling (told, last, reminders, cleared) WHERE 1;
CREATE INDEX target_copy ON target (busy, state) WHERE 1;

-- A record that is not opened: its seq, msgid and key version are in the digest of what landed, the rest is in the indexes
-- that have an entry for it anyway. Those of an opened one are under its guard.
DROP INDEX record_sealed;
CREATE INDEX record_sealed ON record (company, id, landed_at, attempts, tried_key, sdk_build, settled_at, detail)
  WHERE state = 0;
DROP INDEX record_waiting;
CREATE INDEX record_waiting ON record (id, state, landed_at, attempts, tried_key, sdk_build, settled_at, detail)
  WHERE state >= 2;

-- Opened records whose body was damaged when the index was written: it has their columns and none of their text, so they are
-- entered anew once their body is back.
CREATE TABLE indexed_without_text (
  record INTEGER PRIMARY KEY REFERENCES record
) STRICT;
CREATE INDEX indexed_without_text_copy ON indexed_without_text (record) WHERE 1;
