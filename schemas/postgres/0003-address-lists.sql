-- Named lists of contracts that filters share, and which matcher process may record epochs.

CREATE TABLE address_lists (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  user_id    text NOT NULL REFERENCES users ON DELETE CASCADE,
  name       text NOT NULL CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$'),
  -- Addresses that stand now: counted here, so that the limit costs nothing to check.
  size       int NOT NULL DEFAULT 0 CHECK (size BETWEEN 0 AND 1000000),
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (user_id, name)
);

-- Append-only as the filters are: an address is in its list from one version of the filter set until another.
CREATE TABLE address_list_entries (
  list_id       bigint NOT NULL REFERENCES address_lists ON DELETE CASCADE,
  address       bytea NOT NULL CHECK (octet_length(address) = 20),
  from_version  bigint NOT NULL,
  until_version bigint,
  PRIMARY KEY (list_id, address, from_version)
);
CREATE UNIQUE INDEX address_list_standing ON address_list_entries (list_id, address) WHERE until_version IS NULL;
CREATE INDEX address_list_came ON address_list_entries (list_id, from_version);
CREATE INDEX address_list_went ON address_list_entries (list_id, until_version) WHERE until_version IS NOT NULL;

-- Versions of the filter set that changed a list. With `filter_versions`, every version is in one of the two.
CREATE TABLE address_list_changes (
  version    bigint PRIMARY KEY,
  list_id    bigint NOT NULL REFERENCES address_lists ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT now()
);

-- Changes a list, which is made by its first change, and wakes the matchers. An address that is in both is added.
-- Returns the version from which the change holds. More than 1,000,000 addresses violate the check of `size`.
CREATE FUNCTION change_address_list(owner text, list text, added bytea[], removed bytea[]) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  new_version bigint;
  target bigint;
  went int;
  came int;
BEGIN
  UPDATE filter_head SET version = filter_head.version + 1 RETURNING filter_head.version INTO new_version;
  INSERT INTO address_lists (user_id, name) VALUES (owner, list) ON CONFLICT (user_id, name) DO NOTHING;
  SELECT id INTO target FROM address_lists WHERE user_id = owner AND name = list;
  UPDATE address_list_entries SET until_version = new_version
    WHERE list_id = target AND until_version IS NULL AND address = ANY (removed) AND NOT address = ANY (added);
  GET DIAGNOSTICS went = ROW_COUNT;
  INSERT INTO address_list_entries (list_id, address, from_version)
    SELECT DISTINCT target, one, new_version FROM unnest(added) AS one
    WHERE NOT EXISTS (SELECT 1 FROM address_list_entries
      WHERE list_id = target AND address = one AND until_version IS NULL);
  GET DIAGNOSTICS came = ROW_COUNT;
  UPDATE address_lists SET size = size + came - went WHERE id = target;
  INSERT INTO address_list_changes (version, list_id) VALUES (new_version, target);
  PERFORM pg_notify('ethhook_filters', new_version::text);
  RETURN new_version;
END $$;

-- Who matches a partition for a group now. A process that lost a partition and does not know it yet records no epoch.
CREATE TABLE matcher_owners (
  group_id    text NOT NULL,
  chain_id    bigint NOT NULL,
  partition   int NOT NULL,
  owner       text NOT NULL,
  assigned_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (group_id, chain_id, partition)
);
