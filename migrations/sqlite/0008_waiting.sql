-- What is asked of waiting records at every pull, without reading them: may another key or another library open them, how
-- many lack their key, which are not open. They lie scattered over the whole archive, and there may be thousands.
CREATE INDEX record_asked ON record (company, state, version, tried_key, sdk_build, seq) WHERE state >= 2;
