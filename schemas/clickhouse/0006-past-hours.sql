-- An hour of long ago opens again when its logs are told to a new endpoint, after the rows of the others have expired. What is
-- known of it is then, of each endpoint and chain, the most of what the rows say and what was computed when they were all there;
-- the user's total is their sum. Of hours of the last day all rows are there (the least that can be configured), so those need
-- not be asked for in this way. Attempts have no such hours: each is of the time at which it was made.
CREATE OR REPLACE VIEW known_webhooks AS
SELECT
  user_id, hour, endpoint_id, chain_id, any(w.application_id) AS application_id,
  max(w.webhooks) AS webhooks, argMax(w.removals, w.webhooks) AS removals
FROM (
  SELECT * FROM hourly_webhooks
  UNION ALL
  SELECT * EXCEPT computed_at FROM webhook_statistics WHERE endpoint_id != ''
) AS w
GROUP BY user_id, hour, endpoint_id, chain_id;

DROP VIEW IF EXISTS webhook_statistics_refresh;

CREATE MATERIALIZED VIEW IF NOT EXISTS webhook_statistics_refresh
REFRESH EVERY 15 SECOND APPEND TO webhook_statistics AS
SELECT
  user_id, hour, of.1 AS endpoint_id, of.2 AS chain_id, if(endpoint_id = '', '', any(s.application_id)) AS application_id,
  sum(s.webhooks) AS webhooks, sum(s.removals) AS removals, now64(3, 'UTC') - INTERVAL 30 SECOND AS computed_at
FROM (
  SELECT * FROM known_webhooks
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
SELECT * FROM known_webhooks
WHERE user_id = {user_id:String} AND hour < {until:DateTime} AND has(open_hours, hour)
  AND hour >= arrayMin(open_hours);

-- Totals that were computed from what rows were left: the larger one stays.
INSERT INTO webhook_statistics
SELECT user_id, hour, '', 0, '', sum(s.webhooks), sum(s.removals), max(s.computed_at)
FROM webhook_statistics AS s FINAL
WHERE endpoint_id != ''
GROUP BY user_id, hour;

-- When the logs of a block that a reorg took back are no longer in their topic, there are no `removed` rows of them: the ledger
-- says it all the same.
CREATE MATERIALIZED VIEW IF NOT EXISTS removed_blocks_recorded TO removed_blocks AS
SELECT DISTINCT chain_id, added_sequence FROM blocks WHERE kind = 'removed';

INSERT INTO removed_blocks SELECT chain_id, added_sequence FROM blocks WHERE kind = 'removed';
