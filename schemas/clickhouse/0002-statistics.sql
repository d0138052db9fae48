-- Statistics by user, endpoint, chain and hour that stay exact when records arrive twice.
-- A sum that is kept by insert would count a repeated record again. So an hour is computed anew from the deduplicated
-- rows whenever something arrived in it. For attempts, and in the same way for webhooks, there are:
--   hourly_…     what an hour is, from the rows themselves. The only place where it is said.
--   …_hours      which hours were touched, and when each was last computed; open_…_hours are those touched since.
--   …_stats      hours as computed by a refresh, every 15 seconds, of the open ones in which nothing arrived for half a
--                minute: one that goes on filling would stay open, and be computed for nothing.
--   user_…       what is asked: computed hours, and the open ones (normally the current hour) from the rows.
--                Both parts are exact, and no hour is in both. Days are sums of hours.
-- Rows of one user lie together in small granules, so that a question reads little of what is others'.
--
-- Latencies are histograms that add up: bucket k holds values near 0.1 ms * 1.1^k, so a quantile is exact within 5 %.

CREATE VIEW IF NOT EXISTS hourly_attempts AS
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
  CAST(sum(total_ms) AS Decimal(18, 2)) AS total_ms_sum,
  sumMap(map(toUInt8(least(250., greatest(0., round(log(greatest(toFloat64(total_ms), 0.1) / 0.1) / log(1.1))))), toUInt64(1))) AS total_ms_histogram,
  sumMapIf(map(toUInt8(least(250., greatest(0., round(log(greatest(toFloat64(ifNull(e2e_ms, 0)), 0.1) / 0.1) / log(1.1))))), toUInt64(1)), isNotNull(e2e_ms)) AS e2e_ms_histogram
FROM attempts FINAL
GROUP BY user_id, hour, endpoint_id, chain_id;

CREATE TABLE IF NOT EXISTS attempt_hours (
  user_id     LowCardinality(String),
  hour        DateTime('UTC'),
  touched_at  SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
  computed_at SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
) ENGINE = AggregatingMergeTree
PARTITION BY toStartOfMonth(hour)
ORDER BY (user_id, hour)
TTL hour + INTERVAL 2 YEAR
SETTINGS index_granularity = 256;

CREATE MATERIALIZED VIEW IF NOT EXISTS attempt_hours_touched TO attempt_hours AS
SELECT user_id, toStartOfHour(started_at) AS hour, max(now64(3, 'UTC')) AS touched_at
FROM attempts
GROUP BY user_id, hour;

CREATE VIEW IF NOT EXISTS open_attempt_hours AS
SELECT user_id, hour, max(attempt_hours.touched_at) AS touched_at FROM attempt_hours
GROUP BY user_id, hour HAVING touched_at > max(computed_at);

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
  total_ms_sum       Decimal(18, 2) CODEC(T64, ZSTD(1)),
  total_ms_histogram Map(UInt8, UInt64) CODEC(ZSTD(1)),
  e2e_ms_histogram   Map(UInt8, UInt64) CODEC(ZSTD(1)),
  computed_at        DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1))
) ENGINE = ReplacingMergeTree(attempts)
PARTITION BY toStartOfMonth(hour)
ORDER BY (user_id, hour, endpoint_id, chain_id)
TTL hour + INTERVAL 2 YEAR
SETTINGS index_granularity = 256;

CREATE MATERIALIZED VIEW IF NOT EXISTS attempt_hours_computed TO attempt_hours AS
SELECT user_id, hour, max(attempt_stats.computed_at) AS computed_at
FROM attempt_stats
GROUP BY user_id, hour;

-- computed_at lies 30 s back: a row whose insert began before the refresh and ended after it still counts as newer.
CREATE MATERIALIZED VIEW IF NOT EXISTS attempt_stats_refresh
REFRESH EVERY 15 SECOND APPEND TO attempt_stats AS
SELECT *, now64(3, 'UTC') - INTERVAL 30 SECOND AS computed_at
FROM hourly_attempts
WHERE (user_id, hour) IN (
  SELECT user_id, hour FROM open_attempt_hours
  WHERE touched_at < now64(3, 'UTC') - INTERVAL 31 SECOND ORDER BY hour DESC LIMIT 20000
);

-- Attempts of a user by hour, endpoint and chain: whole hours that begin within [since, until).
-- The list of open hours is worked out once; its least one bounds what is read of the rows. It ends with `until`, which is in
-- neither part: an empty list would make the condition a constant, and a constant is no bound.
-- user_attempts(user_id = 'usr_…', since = '2026-01-01 00:00:00', until = '2026-02-01 00:00:00')
CREATE VIEW IF NOT EXISTS user_attempts AS
WITH (
  SELECT arrayConcat(groupArray(hour), [{until:DateTime}]) FROM open_attempt_hours
  WHERE user_id = {user_id:String} AND hour >= {since:DateTime} AND hour < {until:DateTime}
) AS open_hours
SELECT * EXCEPT computed_at FROM attempt_stats FINAL
WHERE user_id = {user_id:String} AND hour >= {since:DateTime} AND hour < {until:DateTime} AND NOT has(open_hours, hour)
UNION ALL
SELECT * FROM hourly_attempts
WHERE user_id = {user_id:String} AND hour < {until:DateTime} AND has(open_hours, hour)
  AND hour >= arrayMin(open_hours);

-- The same for webhooks: what matched, by the hour of the block. A webhook is what a log made: neither the POST that carries
-- several of them, nor a test, nor a notice to the endpoint's owner.

CREATE VIEW IF NOT EXISTS hourly_webhooks AS
SELECT
  user_id,
  toStartOfHour(block_time) AS hour,
  endpoint_id,
  chain_id,
  any(application_id) AS application_id,
  count() AS webhooks,
  countIf(kind = 'removed') AS removals
FROM deliveries FINAL
WHERE empty(batch) AND origin NOT IN ('test', 'operational')
GROUP BY user_id, hour, endpoint_id, chain_id;

CREATE TABLE IF NOT EXISTS webhook_hours (
  user_id     LowCardinality(String),
  hour        DateTime('UTC'),
  touched_at  SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
  computed_at SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
) ENGINE = AggregatingMergeTree
PARTITION BY toStartOfQuarter(hour)
ORDER BY (user_id, hour)
SETTINGS index_granularity = 256;

CREATE MATERIALIZED VIEW IF NOT EXISTS webhook_hours_touched TO webhook_hours AS
SELECT user_id, toStartOfHour(block_time) AS hour, max(now64(3, 'UTC')) AS touched_at
FROM deliveries
GROUP BY user_id, hour;

CREATE VIEW IF NOT EXISTS open_webhook_hours AS
SELECT user_id, hour, max(webhook_hours.touched_at) AS touched_at FROM webhook_hours
GROUP BY user_id, hour HAVING touched_at > max(computed_at);

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
ORDER BY (user_id, hour, endpoint_id, chain_id)
SETTINGS index_granularity = 256;

CREATE MATERIALIZED VIEW IF NOT EXISTS webhook_hours_computed TO webhook_hours AS
SELECT user_id, hour, max(webhook_stats.computed_at) AS computed_at
FROM webhook_stats
GROUP BY user_id, hour;

CREATE MATERIALIZED VIEW IF NOT EXISTS webhook_stats_refresh
REFRESH EVERY 15 SECOND APPEND TO webhook_stats AS
SELECT *, now64(3, 'UTC') - INTERVAL 30 SECOND AS computed_at
FROM hourly_webhooks
WHERE (user_id, hour) IN (
  SELECT user_id, hour FROM open_webhook_hours
  WHERE touched_at < now64(3, 'UTC') - INTERVAL 31 SECOND ORDER BY hour DESC LIMIT 20000
);

CREATE VIEW IF NOT EXISTS user_webhooks AS
WITH (
  SELECT arrayConcat(groupArray(hour), [{until:DateTime}]) FROM open_webhook_hours
  WHERE user_id = {user_id:String} AND hour >= {since:DateTime} AND hour < {until:DateTime}
) AS open_hours
SELECT * EXCEPT computed_at FROM webhook_stats FINAL
WHERE user_id = {user_id:String} AND hour >= {since:DateTime} AND hour < {until:DateTime} AND NOT has(open_hours, hour)
UNION ALL
SELECT * FROM hourly_webhooks
WHERE user_id = {user_id:String} AND hour < {until:DateTime} AND has(open_hours, hour)
  AND hour >= arrayMin(open_hours);
