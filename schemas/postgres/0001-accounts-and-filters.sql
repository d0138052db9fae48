-- People, what they own, and what they want to hear of.

CREATE TABLE users (
  id            text PRIMARY KEY CHECK (id LIKE 'usr\_%'),
  email         text NOT NULL,
  name          text NOT NULL DEFAULT '',
  password_hash text,
  created_at    timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX users_email ON users (lower(email));

CREATE TABLE api_keys (
  id         text PRIMARY KEY CHECK (id LIKE 'key\_%'),
  user_id    text NOT NULL REFERENCES users ON DELETE CASCADE,
  name       text NOT NULL DEFAULT '',
  -- SHA-256 of the key: a random 256-bit key needs no slow hash.
  key_hash   bytea NOT NULL UNIQUE,
  created_at timestamptz NOT NULL DEFAULT now(),
  revoked_at timestamptz
);

CREATE TABLE applications (
  id         text PRIMARY KEY CHECK (id LIKE 'app\_%'),
  user_id    text NOT NULL REFERENCES users ON DELETE CASCADE,
  name       text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX applications_user ON applications (user_id);

CREATE TABLE endpoints (
  id              text PRIMARY KEY CHECK (id LIKE 'ep\_%'),
  application_id  text NOT NULL REFERENCES applications ON DELETE CASCADE,
  -- Denormalised, so that nothing on a hot path joins.
  user_id         text NOT NULL REFERENCES users ON DELETE CASCADE,
  url             text NOT NULL,
  description     text NOT NULL DEFAULT '',
  -- paused by its owner, disabled by EthHook (410, or days of failure): matches of both are parked, none is lost.
  status          text NOT NULL DEFAULT 'enabled' CHECK (status IN ('enabled', 'paused', 'disabled')),
  disabled_reason text,
  -- How to deliver: headers, concurrency, rate, ordering, batch, retry schedule. Validated by the API contract.
  delivery        jsonb NOT NULL DEFAULT '{}',
  created_at      timestamptz NOT NULL DEFAULT now(),
  updated_at      timestamptz NOT NULL DEFAULT now(),
  deleted_at      timestamptz
);
CREATE INDEX endpoints_application ON endpoints (application_id);

CREATE TABLE endpoint_secrets (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  endpoint_id text NOT NULL REFERENCES endpoints ON DELETE CASCADE,
  -- AES-256-GCM: key id, nonce, tag and ciphertext of a `whsec_` secret.
  sealed      text NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT now(),
  -- Null for the current secret; an old one signs beside it until then.
  expires_at  timestamptz
);
CREATE INDEX endpoint_secrets_endpoint ON endpoint_secrets (endpoint_id);

-- What each endpoint subscribes to, append-only: the filter set of version V is, for every endpoint, its newest row
-- with version <= V. Any past match can so be computed again.
CREATE TABLE filter_versions (
  version        bigint PRIMARY KEY,
  endpoint_id    text NOT NULL,
  application_id text NOT NULL,
  user_id        text NOT NULL,
  -- {filter, finality, format, sendRemoved}; null when the endpoint was deleted.
  subscription   jsonb,
  created_at     timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX filter_versions_endpoint ON filter_versions (endpoint_id, version DESC);

-- One row: the newest version. Taking its lock orders the writers, so versions commit in order and without holes.
CREATE TABLE filter_head (only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row), version bigint NOT NULL);
INSERT INTO filter_head (version) VALUES (0);

-- Appends a version and wakes the matchers. The caller's transaction holds the order.
CREATE FUNCTION append_filter_version(endpoint text, application text, owner text, sub jsonb) RETURNS bigint
LANGUAGE plpgsql AS $$
-- Not called `next`: RETURN next would be read as RETURN NEXT.
DECLARE appended bigint;
BEGIN
  UPDATE filter_head SET version = version + 1 RETURNING version INTO appended;
  INSERT INTO filter_versions (version, endpoint_id, application_id, user_id, subscription)
    VALUES (appended, endpoint, application, owner, sub);
  PERFORM pg_notify('ethhook_filters', appended::text);
  RETURN appended;
END $$;

-- From which ledger sequence a group matched a partition with which version. Written before the first use.
CREATE TABLE matcher_epochs (
  group_id      text NOT NULL,
  chain_id      bigint NOT NULL,
  partition     int NOT NULL,
  from_sequence bigint NOT NULL,
  version       bigint NOT NULL,
  recorded_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (group_id, chain_id, partition, from_sequence)
);

-- Delivery keeps endpoints hot: any change of an endpoint or its secrets names it.
CREATE FUNCTION notify_endpoint() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE changed record := coalesce(NEW, OLD);
BEGIN
  IF TG_TABLE_NAME = 'endpoints' THEN PERFORM pg_notify('ethhook_endpoints', changed.id);
  ELSE PERFORM pg_notify('ethhook_endpoints', changed.endpoint_id);
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER endpoints_changed AFTER INSERT OR UPDATE OR DELETE ON endpoints FOR EACH ROW EXECUTE FUNCTION notify_endpoint();
CREATE TRIGGER endpoint_secrets_changed AFTER INSERT OR UPDATE OR DELETE ON endpoint_secrets FOR EACH ROW EXECUTE FUNCTION notify_endpoint();
