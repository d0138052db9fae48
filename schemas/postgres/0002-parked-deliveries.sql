-- Kafka carries what is due now; these tables carry what is due later, and what a delivery process must still know after a restart.

CREATE TABLE parked_deliveries (
  webhook_id     text NOT NULL,
  -- A replay of a webhook waits beside the webhook itself.
  replay         boolean NOT NULL,
  endpoint_id    text NOT NULL,
  application_id text NOT NULL,
  user_id        text NOT NULL,
  -- Partition of `deliveries` that the endpoint belongs to: its owner releases, and knows how much the endpoint can take.
  partition      int NOT NULL,
  -- Where it stood in its topic: the order of an endpoint. Kept when it is parked again.
  position       bigint NOT NULL,
  -- Empty without ordering; else what it is in order with (the endpoint's id, or a contract): only its owner may send it.
  order_key      text NOT NULL DEFAULT '',
  -- Why it waits: retry, breaker, busy, paused, disabled, ordered, sending (a POST is under way).
  reason         text NOT NULL,
  -- The earliest time of the next attempt; the owner may let it wait longer.
  due_at         timestamptz NOT NULL,
  parked_at      timestamptz NOT NULL DEFAULT now(),
  -- POSTs that were begun, the one under way included.
  attempts_made  int NOT NULL,
  -- Every attempt so far, as in the topic `attempts`, for the dead letter.
  attempts       jsonb NOT NULL DEFAULT '[]',
  -- The delivery, as in the topic.
  payload        text NOT NULL,
  PRIMARY KEY (webhook_id, replay)
);
CREATE INDEX parked_deliveries_due ON parked_deliveries (endpoint_id, due_at, position);
CREATE INDEX parked_deliveries_order ON parked_deliveries (endpoint_id, order_key, position) WHERE order_key <> '';
CREATE INDEX parked_deliveries_partition ON parked_deliveries (partition, endpoint_id);

-- What is known of an endpoint in trouble. A healthy endpoint has no row.
CREATE TABLE endpoint_health (
  endpoint_id    text PRIMARY KEY,
  partition      int NOT NULL,
  -- Since when nothing succeeded; after five days the endpoint is disabled.
  failing_since  timestamptz NOT NULL,
  failures       int NOT NULL,
  -- Null while the breaker is closed; else when one probe may be sent.
  open_until     timestamptz,
  last_error     text NOT NULL DEFAULT '',
  -- When its owner was told that it fails.
  told_at        timestamptz,
  updated_at     timestamptz NOT NULL DEFAULT now()
);

-- "Retry now": of one webhook, or of all that an endpoint waits for. Its owner looks at once. Returns how many.
CREATE FUNCTION retry_parked(endpoint text, webhook text DEFAULT NULL) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE changed bigint;
BEGIN
  UPDATE parked_deliveries SET due_at = now()
    WHERE endpoint_id = endpoint AND (webhook IS NULL OR webhook_id = webhook) AND reason <> 'sending' AND due_at > now();
  GET DIAGNOSTICS changed = ROW_COUNT;
  PERFORM pg_notify('ethhook_parked', endpoint);
  RETURN changed;
END $$;

-- Cancels one webhook, or all that an endpoint waits for. A POST under way is not taken back. Returns how many.
CREATE FUNCTION cancel_parked(endpoint text, webhook text DEFAULT NULL) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE changed bigint;
BEGIN
  DELETE FROM parked_deliveries
    WHERE endpoint_id = endpoint AND (webhook IS NULL OR webhook_id = webhook) AND reason <> 'sending';
  GET DIAGNOSTICS changed = ROW_COUNT;
  PERFORM pg_notify('ethhook_parked', endpoint);
  RETURN changed;
END $$;
