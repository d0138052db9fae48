-- A webhook that was taken back before may have a row again: read again after a crash, it was parked once more. Its row goes
-- too, and if that counts an attempt, something of it was sent after all.
CREATE OR REPLACE FUNCTION take_back(webhook text, owned int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE batch text; parked parked_deliveries; fate text;
BEGIN
  SELECT m.batch_id INTO batch FROM batch_members m WHERE m.webhook_id = webhook;
  DELETE FROM parked_deliveries p WHERE p.webhook_id = coalesce(batch, webhook) AND NOT p.replay RETURNING * INTO parked;
  fate := CASE
    WHEN parked.attempts_made > 0 OR parked.reason = 'sending' THEN 'begun'
    -- `unsure` says only that it was read again: that nobody had begun it before is known.
    WHEN EXISTS (SELECT FROM taken_back t WHERE t.webhook_id = webhook AND t.never_begun) THEN 'never-begun'
    WHEN parked.webhook_id IS NULL THEN 'absent'
    WHEN parked.unsure THEN 'begun'
    ELSE 'never-begun' END;
  INSERT INTO taken_back (webhook_id, partition, never_begun)
    SELECT id, owned, fate = 'never-begun' FROM (
      SELECT webhook AS id UNION SELECT m.webhook_id FROM batch_members m WHERE m.batch_id = batch
    ) members
  ON CONFLICT (webhook_id) DO UPDATE
    SET never_begun = fate <> 'begun' AND (taken_back.never_begun OR excluded.never_begun);
  RETURN fate;
END $$;
