-- One POST may carry several webhooks: the attempt names them all, so that each is found by its own id.

ALTER TABLE attempts ADD COLUMN IF NOT EXISTS batch Array(String) CODEC(ZSTD(1)) AFTER origin;
ALTER TABLE attempts ADD INDEX IF NOT EXISTS batch batch TYPE bloom_filter(0.01);
ALTER TABLE deliveries ADD COLUMN IF NOT EXISTS batch Array(String) CODEC(ZSTD(1)) AFTER origin;

-- A webhook is what a log made: neither the POST that carries several of them, nor a test, nor a notice to the endpoint's owner.
DROP VIEW IF EXISTS webhook_stats_refresh;

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
WHERE empty(batch) AND origin NOT IN ('test', 'operational') AND (user_id, toStartOfHour(block_time)) IN (
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
WHERE user_id = {user_id:String} AND empty(batch) AND origin NOT IN ('test', 'operational')
  AND block_time >= {since:DateTime} AND block_time < {until:DateTime} + INTERVAL 1 HOUR
  AND toStartOfHour(block_time) IN (SELECT hour FROM open_hours)
GROUP BY hour, endpoint_id, chain_id;
