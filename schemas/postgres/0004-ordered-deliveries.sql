-- What a delivery process must know to keep an order, to group a block, and to take back what a reorg removed.

-- True when an earlier owner of the endpoint may have begun a POST that attempts_made does not count.
ALTER TABLE parked_deliveries ADD COLUMN unsure boolean NOT NULL DEFAULT false;

-- The number of each ordered delivery, stored before its first POST: a repeat carries the same number, a receiver sees a gap.
CREATE TABLE ordered_deliveries (
  webhook_id          text PRIMARY KEY,
  order_key           text NOT NULL,
  sequence            bigint NOT NULL,
  previous_webhook_id text,
  numbered_at         timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ordered_deliveries_age ON ordered_deliveries (numbered_at);
CREATE TABLE ordered_heads (
  order_key  text PRIMARY KEY,
  sequence   bigint NOT NULL,
  webhook_id text NOT NULL
);

-- Numbers deliveries in the order of the arrays. One that has a number keeps it.
CREATE FUNCTION number_deliveries(keys text[], webhooks text[])
RETURNS TABLE (webhook_id text, sequence bigint, previous_webhook_id text) LANGUAGE plpgsql AS $$
DECLARE n int; known ordered_deliveries; head ordered_heads; next bigint;
BEGIN
  FOR n IN 1 .. coalesce(array_length(keys, 1), 0) LOOP
    SELECT * INTO known FROM ordered_deliveries o WHERE o.webhook_id = webhooks[n];
    IF NOT FOUND THEN
      -- The head's lock keeps two processes that both take themselves for the owner from giving one number twice.
      INSERT INTO ordered_heads AS h (order_key, sequence, webhook_id) VALUES (keys[n], 0, '') ON CONFLICT (order_key) DO NOTHING;
      SELECT * INTO head FROM ordered_heads h WHERE h.order_key = keys[n] FOR UPDATE;
      SELECT * INTO known FROM ordered_deliveries o WHERE o.webhook_id = webhooks[n];
      IF NOT FOUND THEN
        next := head.sequence + 1;
        INSERT INTO ordered_deliveries (webhook_id, order_key, sequence, previous_webhook_id)
          VALUES (webhooks[n], keys[n], next, nullif(head.webhook_id, '')) RETURNING * INTO known;
        UPDATE ordered_heads h SET sequence = next, webhook_id = webhooks[n] WHERE h.order_key = keys[n];
      END IF;
    END IF;
    webhook_id := known.webhook_id;
    sequence := known.sequence;
    previous_webhook_id := known.previous_webhook_id;
    RETURN NEXT;
  END LOOP;
END $$;

-- Which batch a webhook went into: a webhook that is read again after a crash must not go into another one.
CREATE TABLE batch_members (
  webhook_id text PRIMARY KEY,
  batch_id   text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX batch_members_age ON batch_members (created_at);

-- `new` webhooks that a `removed` took back. One of them may still be on its way through the log: it must not be sent any more.
CREATE TABLE taken_back (
  webhook_id  text PRIMARY KEY,
  partition   int NOT NULL,
  -- Nothing of it was sent: its removal is not sent either, also when that is read again after a crash.
  never_begun boolean NOT NULL,
  at          timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX taken_back_partition ON taken_back (partition, at);

-- Takes a `new` webhook back: its row, or that of its batch, goes. Returns never-begun, begun or absent.
CREATE FUNCTION take_back(webhook text, owned int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE batch text; parked parked_deliveries; fate text;
BEGIN
  IF EXISTS (SELECT FROM taken_back t WHERE t.webhook_id = webhook AND t.never_begun) THEN RETURN 'never-begun'; END IF;
  SELECT m.batch_id INTO batch FROM batch_members m WHERE m.webhook_id = webhook;
  DELETE FROM parked_deliveries p WHERE p.webhook_id = coalesce(batch, webhook) AND NOT p.replay RETURNING * INTO parked;
  fate := CASE
    WHEN parked.webhook_id IS NULL THEN 'absent'
    WHEN parked.attempts_made = 0 AND NOT parked.unsure AND parked.reason <> 'sending' THEN 'never-begun'
    ELSE 'begun' END;
  INSERT INTO taken_back (webhook_id, partition, never_begun)
    SELECT id, owned, fate = 'never-begun' FROM (
      SELECT webhook AS id UNION SELECT m.webhook_id FROM batch_members m WHERE m.batch_id = batch
    ) members
  ON CONFLICT (webhook_id) DO UPDATE SET never_begun = taken_back.never_begun OR excluded.never_begun;
  RETURN fate;
END $$;
