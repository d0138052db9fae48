-- The time from a block to the end of a POST is nearly as large as the POST's own, so it is kept as what it has more: whole
-- milliseconds of waiting, which take a quarter of the room. Rows from before keep what they have under another name; read as
-- the others are, it is the same to half a millisecond.
ALTER TABLE attempts RENAME COLUMN IF EXISTS e2e_ms TO recorded_e2e_ms;
