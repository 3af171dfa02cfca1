-- When a pull last reached the end of the stream, without reading every call there ever was.
CREATE INDEX pull_call_empty ON pull_call (company, at) WHERE outcome = 'empty';
