-- Dead letters that were brought back: a letter is brought back once, and a webhook only so many times.

CREATE TABLE redrives (
  -- Where the dead letter stands: topic, partition and offset.
  topic       text NOT NULL,
  partition   int NOT NULL,
  "offset"    bigint NOT NULL,
  -- The webhooks that came of it; several for a log that can be read now.
  webhook_id  text NOT NULL,
  redriven_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (topic, partition, "offset", webhook_id)
);
CREATE INDEX redrives_webhook ON redrives (webhook_id);
