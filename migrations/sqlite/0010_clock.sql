-- The last pull that reached the end of the stream is the last row, not the one with the greatest time: the clock that
-- dated it may have been ahead.
DROP INDEX pull_call_empty;
CREATE INDEX pull_call_end ON pull_call (company, id) WHERE outcome = 'empty';
-- Messages with a time that cannot be so, or that is later than their landing; counted in every answer.
-- Of `message.flaws`: 16 the unit of the time was inferred, 32 the time is implausible.
CREATE INDEX message_untimely ON message (record) WHERE flaws & 32;
