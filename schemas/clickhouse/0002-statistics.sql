-- Statistics by user, endpoint, chain and hour that stay exact when records arrive twice.
-- A sum that is kept by insert would count a repeated record again. So an hour is computed anew from the deduplicated
-- rows whenever something arrived in it: `…_hours` knows which hours were touched and when each was last computed, a
-- refresh computes the touched ones every 15 seconds, and the views `user_…` read what is computed and work out the rest
-- (normally the current hour) from the rows themselves. Both parts are exact, and no hour is in both.
--
-- Latencies are histograms that add up: bucket k holds values near 0.1 ms * 1.1^k, so a quantile is exact within 5 %.

CREATE TABLE IF NOT EXISTS attempt_hours (
  user_id     LowCardinality(String),
  hour        DateTime('UTC'),
  touched_at  SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
  computed_at SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
) ENGINE = AggregatingMergeTree
PARTITION BY toStartOfMonth(hour)
ORDER BY (user_id, hour)
TTL hour + INTERVAL 2 YEAR;

CREATE MATERIALIZED VIEW IF NOT EXISTS attempt_hours_touched TO attempt_hours AS
SELECT user_id, toStartOfHour(started_at) AS hour, max(now64(3, 'UTC')) AS touched_at
FROM attempts
GROUP BY user_id, hour;

-- The most attempts win: an hour that is computed again after some of its rows have expired does not lose them here.
CREATE TABLE IF NOT EXISTS attempt_stats (
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
  total_ms_sum       Float64 CODEC(ZSTD(1)),
  total_ms_histogram Map(UInt8, UInt64) CODEC(ZSTD(1)),
  e2e_ms_histogram   Map(UInt8, UInt64) CODEC(ZSTD(1)),
  computed_at        DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1))
) ENGINE = ReplacingMergeTree(attempts)
PARTITION BY toStartOfMonth(hour)
ORDER BY (user_id, hour, endpoint_id, chain_id)
TTL hour + INTERVAL 2 YEAR;

CREATE MATERIALIZED VIEW IF NOT EXISTS attempt_hours_computed TO attempt_hours AS
SELECT user_id, hour, max(attempt_stats.computed_at) AS computed_at
FROM attempt_stats
GROUP BY user_id, hour;

-- computed_at lies 30 s back: a row whose insert began before the refresh and ended after it still counts as newer.
CREATE MATERIALIZED VIEW IF NOT EXISTS attempt_stats_refresh
REFRESH EVERY 15 SECOND APPEND TO attempt_stats AS
SELECT
  user_id,
  toStartOfHour(started_at) AS hour,
  endpoint_id,
  chain_id,
  any(application_id) AS application_id,
  count() AS attempts,
  countIf(outcome = 'delivered') AS delivered,
  countIf(outcome = 'failed') AS failed,
  countIf(outcome = 'throttled') AS throttled,
  countIf(outcome = 'gone') AS gone,
  countIf(outcome = 'timeout') AS timeout,
  countIf(outcome = 'network') AS network,
  countIf(outcome = 'blocked') AS blocked,
  sum(toFloat64(total_ms)) AS total_ms_sum,
  sumMap(map(toUInt8(least(250., greatest(0., round(log(greatest(toFloat64(total_ms), 0.1) / 0.1) / log(1.1))))), toUInt64(1))) AS total_ms_histogram,
  sumMapIf(map(toUInt8(least(250., greatest(0., round(log(greatest(toFloat64(ifNull(e2e_ms, 0)), 0.1) / 0.1) / log(1.1))))), toUInt64(1)), isNotNull(e2e_ms)) AS e2e_ms_histogram,
  now64(3, 'UTC') - INTERVAL 30 SECOND AS computed_at
FROM attempts FINAL
WHERE (user_id, toStartOfHour(started_at)) IN (
  SELECT user_id, hour FROM attempt_hours
  GROUP BY user_id, hour HAVING max(touched_at) > max(computed_at)
  ORDER BY hour DESC LIMIT 20000
)
GROUP BY user_id, hour, endpoint_id, chain_id;

-- Attempts of a user by hour, endpoint and chain: whole hours that begin within [since, until).
-- user_attempts(user_id = 'usr_…', since = '2026-01-01 00:00:00', until = '2026-02-01 00:00:00')
CREATE OR REPLACE VIEW user_attempts AS
WITH open_hours AS (
  SELECT hour FROM attempt_hours
  WHERE user_id = {user_id:String} AND hour >= {since:DateTime} AND hour < {until:DateTime}
  GROUP BY hour HAVING max(touched_at) > max(computed_at)
)
SELECT
  hour, endpoint_id, chain_id, attempts,
  delivered, failed, throttled, gone, timeout, network, blocked,
  total_ms_sum, total_ms_histogram, e2e_ms_histogram
FROM attempt_stats FINAL
WHERE user_id = {user_id:String} AND hour >= {since:DateTime} AND hour < {until:DateTime}
  AND hour NOT IN (SELECT hour FROM open_hours)
UNION ALL
SELECT
  toStartOfHour(started_at) AS hour,
  endpoint_id,
  chain_id,
  count() AS attempts,
  countIf(outcome = 'delivered') AS delivered,
  countIf(outcome = 'failed') AS failed,
  countIf(outcome = 'throttled') AS throttled,
  countIf(outcome = 'gone') AS gone,
  countIf(outcome = 'timeout') AS timeout,
  countIf(outcome = 'network') AS network,
  countIf(outcome = 'blocked') AS blocked,
  sum(toFloat64(total_ms)) AS total_ms_sum,
  sumMap(map(toUInt8(least(250., greatest(0., round(log(greatest(toFloat64(total_ms), 0.1) / 0.1) / log(1.1))))), toUInt64(1))) AS total_ms_histogram,
  sumMapIf(map(toUInt8(least(250., greatest(0., round(log(greatest(toFloat64(ifNull(e2e_ms, 0)), 0.1) / 0.1) / log(1.1))))), toUInt64(1)), isNotNull(e2e_ms)) AS e2e_ms_histogram
FROM attempts FINAL
WHERE user_id = {user_id:String}
  AND started_at >= {since:DateTime} AND started_at < {until:DateTime} + INTERVAL 1 HOUR
  AND toStartOfHour(started_at) IN (SELECT hour FROM open_hours)
GROUP BY hour, endpoint_id, chain_id;

-- The same for webhooks: what matched, by the hour of the block.

CREATE TABLE IF NOT EXISTS webhook_hours (
  user_id     LowCardinality(String),
  hour        DateTime('UTC'),
  touched_at  SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
  computed_at SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
) ENGINE = AggregatingMergeTree
PARTITION BY toStartOfQuarter(hour)
ORDER BY (user_id, hour);

CREATE MATERIALIZED VIEW IF NOT EXISTS webhook_hours_touched TO webhook_hours AS
SELECT user_id, toStartOfHour(block_time) AS hour, max(now64(3, 'UTC')) AS touched_at
FROM deliveries
GROUP BY user_id, hour;

CREATE TABLE IF NOT EXISTS webhook_stats (
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
ORDER BY (user_id, hour, endpoint_id, chain_id);

CREATE MATERIALIZED VIEW IF NOT EXISTS webhook_hours_computed TO webhook_hours AS
SELECT user_id, hour, max(webhook_stats.computed_at) AS computed_at
FROM webhook_stats
GROUP BY user_id, hour;

CREATE MATERIALIZED VIEW IF NOT EXISTS webhook_stats_refresh
REFRESH EVERY 15 SECOND APPEND TO webhook_stats AS
SELECT
  user_id,
  toStartOfHour(block_time) AS hour,
  endpoint_id,
  chain_id,
  any(application_id) AS application_id,
  count() AS webhooks,
  countIf(kind = 'removed') AS removals,
  now64(3, 'UTC') - INTERVAL 30 SECOND AS computed_at
FROM deliveries FINAL
WHERE (user_id, toStartOfHour(block_time)) IN (
  SELECT user_id, hour FROM webhook_hours
  GROUP BY user_id, hour HAVING max(touched_at) > max(computed_at)
  ORDER BY hour DESC LIMIT 20000
)
GROUP BY user_id, hour, endpoint_id, chain_id;

CREATE OR REPLACE VIEW user_webhooks AS
WITH open_hours AS (
  SELECT hour FROM webhook_hours
  WHERE user_id = {user_id:String} AND hour >= {since:DateTime} AND hour < {until:DateTime}
  GROUP BY hour HAVING max(touched_at) > max(computed_at)
)
SELECT hour, endpoint_id, chain_id, webhooks, removals
FROM webhook_stats FINAL
WHERE user_id = {user_id:String} AND hour >= {since:DateTime} AND hour < {until:DateTime}
  AND hour NOT IN (SELECT hour FROM open_hours)
UNION ALL
SELECT toStartOfHour(block_time) AS hour, endpoint_id, chain_id, count() AS webhooks, countIf(kind = 'removed') AS removals
FROM deliveries FINAL
WHERE user_id = {user_id:String}
  AND block_time >= {since:DateTime} AND block_time < {until:DateTime} + INTERVAL 1 HOUR
  AND toStartOfHour(block_time) IN (SELECT hour FROM open_hours)
GROUP BY hour, endpoint_id, chain_id;
