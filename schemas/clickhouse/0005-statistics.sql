ALTER TABLE attempts
  ADD COLUMN IF NOT EXISTS wait_ms Nullable(Int64) DEFAULT toInt64(round(recorded_e2e_ms - total_ms)) CODEC(T64, ZSTD(1)) AFTER total_ms;
ALTER TABLE attempts
  ADD COLUMN IF NOT EXISTS e2e_ms Nullable(Decimal(18, 2)) ALIAS CAST(total_ms + wait_ms AS Nullable(Decimal(18, 2))) AFTER wait_ms;
-- Ids of one process count up: the stronger level finds that.
ALTER TABLE attempts MODIFY COLUMN attempt_id String CODEC(ZSTD(3));

-- To find the webhooks that failed, all attempts of each are brought together. By a number that goes twice as fast.
ALTER TABLE troubled_attempts ADD COLUMN IF NOT EXISTS webhook UInt64 DEFAULT cityHash64(webhook_id) CODEC(ZSTD(1));

-- A partition that nothing is added to any more becomes one part after a day: a page then opens one file a column, not ten.
ALTER TABLE attempts MODIFY SETTING min_age_to_force_merge_seconds = 86400, min_age_to_force_merge_on_partition_only = 1;
ALTER TABLE troubled_attempts MODIFY SETTING min_age_to_force_merge_seconds = 86400, min_age_to_force_merge_on_partition_only = 1;
ALTER TABLE deliveries MODIFY SETTING min_age_to_force_merge_seconds = 86400, min_age_to_force_merge_on_partition_only = 1;
ALTER TABLE logs MODIFY SETTING min_age_to_force_merge_seconds = 86400, min_age_to_force_merge_on_partition_only = 1;

-- Statistics as they are asked for: of one endpoint, or of all of a user's together. These are kept, too, as the rows without
-- an endpoint (and chain 0), so that a month of a user with a thousand endpoints is 720 rows.
--   attempt_statistics, webhook_statistics   take the place of attempt_stats and webhook_stats.

CREATE TABLE IF NOT EXISTS attempt_statistics (
  user_id            LowCardinality(String),
  hour               DateTime('UTC') CODEC(Delta, ZSTD(1)),
  endpoint_id        LowCardinality(String),
  chain_id           UInt64 CODEC(ZSTD(1)),
  application_id     LowCardinality(String),
  attempts           UInt64 CODEC(ZSTD(1)),
  delivered          UInt64 CODEC(ZSTD(1)),
  failed             UInt64 CODEC(ZSTD(1)),
  throttled          UInt64 CODEC(ZSTD(1)),
  gone               UInt64 CODEC(ZSTD(1)),
  timeout            UInt64 CODEC(ZSTD(1)),
  network            UInt64 CODEC(ZSTD(1)),
  blocked            UInt64 CODEC(ZSTD(1)),
  total_ms_sum       Decimal(18, 2) CODEC(T64, ZSTD(1)),
  total_ms_histogram Map(UInt8, UInt64) CODEC(ZSTD(1)),
  e2e_ms_histogram   Map(UInt8, UInt64) CODEC(ZSTD(1)),
  computed_at        DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1))
) ENGINE = ReplacingMergeTree(attempts)
PARTITION BY toStartOfMonth(hour)
ORDER BY (user_id, endpoint_id, hour, chain_id)
TTL hour + INTERVAL 2 YEAR
SETTINGS index_granularity = 256;

DROP VIEW IF EXISTS attempt_stats_refresh;
DROP VIEW IF EXISTS attempt_hours_computed;

-- It is there, unless this file was interrupted after its last statement but one: each may run twice.
CREATE TABLE IF NOT EXISTS attempt_stats AS attempt_statistics;

INSERT INTO attempt_statistics SELECT * FROM attempt_stats FINAL;

INSERT INTO attempt_statistics
SELECT user_id, hour, '', 0, '', sum(s.attempts), sum(s.delivered), sum(s.failed), sum(s.throttled), sum(s.gone), sum(s.timeout),
  sum(s.network), sum(s.blocked), sum(s.total_ms_sum), sumMap(s.total_ms_histogram), sumMap(s.e2e_ms_histogram), max(s.computed_at)
FROM attempt_stats AS s FINAL
GROUP BY user_id, hour;

CREATE MATERIALIZED VIEW IF NOT EXISTS attempt_hours_computed TO attempt_hours AS
SELECT user_id, hour, max(attempt_statistics.computed_at) AS computed_at
FROM attempt_statistics
GROUP BY user_id, hour;

-- As before, computed_at lies 30 s back. Each row of an hour counts for its endpoint and chain, and for the user. So many hours at
-- once that those of users with hundreds of endpoints fit into memory, too.
CREATE MATERIALIZED VIEW IF NOT EXISTS attempt_statistics_refresh
REFRESH EVERY 15 SECOND APPEND TO attempt_statistics AS
SELECT
  user_id, hour, of.1 AS endpoint_id, of.2 AS chain_id, if(endpoint_id = '', '', any(s.application_id)) AS application_id,
  sum(s.attempts) AS attempts, sum(s.delivered) AS delivered, sum(s.failed) AS failed, sum(s.throttled) AS throttled,
  sum(s.gone) AS gone, sum(s.timeout) AS timeout, sum(s.network) AS network, sum(s.blocked) AS blocked,
  CAST(sum(s.total_ms_sum) AS Decimal(18, 2)) AS total_ms_sum,
  sumMap(s.total_ms_histogram) AS total_ms_histogram, sumMap(s.e2e_ms_histogram) AS e2e_ms_histogram,
  now64(3, 'UTC') - INTERVAL 30 SECOND AS computed_at
FROM (
  SELECT * FROM hourly_attempts
  WHERE (user_id, hour) IN (
    SELECT user_id, hour FROM open_attempt_hours
    WHERE touched_at < now64(3, 'UTC') - INTERVAL 31 SECOND ORDER BY hour DESC LIMIT 5000
  )
) AS s
ARRAY JOIN [(toString(s.endpoint_id), s.chain_id), ('', 0)] AS of
GROUP BY user_id, hour, of;

CREATE OR REPLACE VIEW user_attempts AS
WITH (
  SELECT arrayConcat(groupArray(hour), [{until:DateTime}]) FROM open_attempt_hours
  WHERE user_id = {user_id:String} AND hour >= {since:DateTime} AND hour < {until:DateTime}
) AS open_hours
SELECT * EXCEPT computed_at FROM attempt_statistics FINAL
WHERE user_id = {user_id:String} AND endpoint_id != '' AND hour >= {since:DateTime} AND hour < {until:DateTime}
  AND NOT has(open_hours, hour)
UNION ALL
SELECT * FROM hourly_attempts
WHERE user_id = {user_id:String} AND hour < {until:DateTime} AND has(open_hours, hour)
  AND hour >= arrayMin(open_hours);

CREATE TABLE IF NOT EXISTS webhook_statistics (
  user_id        LowCardinality(String),
  hour           DateTime('UTC') CODEC(Delta, ZSTD(1)),
  endpoint_id    LowCardinality(String),
  chain_id       UInt64 CODEC(ZSTD(1)),
  application_id LowCardinality(String),
  webhooks       UInt64 CODEC(ZSTD(1)),
  removals       UInt64 CODEC(ZSTD(1)),
  computed_at    DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1))
) ENGINE = ReplacingMergeTree(webhooks)
PARTITION BY toStartOfQuarter(hour)
ORDER BY (user_id, endpoint_id, hour, chain_id)
SETTINGS index_granularity = 256;

DROP VIEW IF EXISTS webhook_stats_refresh;
DROP VIEW IF EXISTS webhook_hours_computed;
CREATE TABLE IF NOT EXISTS webhook_stats AS webhook_statistics;

INSERT INTO webhook_statistics SELECT * FROM webhook_stats FINAL;

INSERT INTO webhook_statistics
SELECT user_id, hour, '', 0, '', sum(s.webhooks), sum(s.removals), max(s.computed_at)
FROM webhook_stats AS s FINAL
GROUP BY user_id, hour;

CREATE MATERIALIZED VIEW IF NOT EXISTS webhook_hours_computed TO webhook_hours AS
SELECT user_id, hour, max(webhook_statistics.computed_at) AS computed_at
FROM webhook_statistics
GROUP BY user_id, hour;

CREATE MATERIALIZED VIEW IF NOT EXISTS webhook_statistics_refresh
REFRESH EVERY 15 SECOND APPEND TO webhook_statistics AS
SELECT
  user_id, hour, of.1 AS endpoint_id, of.2 AS chain_id, if(endpoint_id = '', '', any(s.application_id)) AS application_id,
  sum(s.webhooks) AS webhooks, sum(s.removals) AS removals, now64(3, 'UTC') - INTERVAL 30 SECOND AS computed_at
FROM (
  SELECT * FROM hourly_webhooks
  WHERE (user_id, hour) IN (
    SELECT user_id, hour FROM open_webhook_hours
    WHERE touched_at < now64(3, 'UTC') - INTERVAL 31 SECOND ORDER BY hour DESC LIMIT 5000
  )
) AS s
ARRAY JOIN [(toString(s.endpoint_id), s.chain_id), ('', 0)] AS of
GROUP BY user_id, hour, of;

CREATE OR REPLACE VIEW user_webhooks AS
WITH (
  SELECT arrayConcat(groupArray(hour), [{until:DateTime}]) FROM open_webhook_hours
  WHERE user_id = {user_id:String} AND hour >= {since:DateTime} AND hour < {until:DateTime}
) AS open_hours
SELECT * EXCEPT computed_at FROM webhook_statistics FINAL
WHERE user_id = {user_id:String} AND endpoint_id != '' AND hour >= {since:DateTime} AND hour < {until:DateTime}
  AND NOT has(open_hours, hour)
UNION ALL
SELECT * FROM hourly_webhooks
WHERE user_id = {user_id:String} AND hour < {until:DateTime} AND has(open_hours, hour)
  AND hour >= arrayMin(open_hours);

DROP TABLE IF EXISTS attempt_stats;
DROP TABLE IF EXISTS webhook_stats;
