-- Replays: what was asked for, how far it is, and how it ended. A process that dies is followed by another one that goes on here.

CREATE TABLE replays (
  id          text PRIMARY KEY CHECK (id LIKE 'rpl\_%'),
  -- What to send again, as the command was given.
  request     jsonb NOT NULL,
  -- The part of each partition that it reads: {"deliveries:3": {"from": 120, "until": 4500}}. Fixed when it begins.
  plan        jsonb NOT NULL,
  -- The next offset by partition: everything before it was dealt with.
  positions   jsonb NOT NULL DEFAULT '{}',
  status      text NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'done', 'cancelled')),
  scanned     bigint NOT NULL DEFAULT 0,
  sent        bigint NOT NULL DEFAULT 0,
  created_at  timestamptz NOT NULL DEFAULT now(),
  updated_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX replays_created ON replays (created_at DESC);
