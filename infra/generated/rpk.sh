#!/bin/sh
# Rendered from the topology by `npm run topology -- render --write`. Do not edit.
# Usage: REPLICAS=3 sh rpk.sh -X brokers=host:9092
set -eu
replicas="${REPLICAS:-1}"

# Lag per group and partition among Redpanda's own metrics, and no topic by accident. Needs the admin API.
rpk cluster config set enable_consumer_group_metrics '["group","partition","consumer_lag"]' "$@" || echo "cluster settings were not changed" >&2
rpk cluster config set auto_create_topics_enabled false "$@" || true

topic() {
  name="$1"; partitions="$2"; shift 2
  rpk topic describe "$name" $connection >/dev/null 2>&1 ||
    rpk topic create "$name" --partitions "$partitions" --replicas "$replicas" $connection
  for setting in "$@"; do
    rpk topic alter-config "$name" --set "$setting" $connection
  done
}
connection="$*"

topic logs.ethereum 12 cleanup.policy=delete retention.ms=604800000 retention.bytes=-1 max.message.bytes=16777216 compression.type=producer message.timestamp.type=CreateTime write.caching=false
topic logs.arbitrum 12 cleanup.policy=delete retention.ms=604800000 retention.bytes=-1 max.message.bytes=16777216 compression.type=producer message.timestamp.type=CreateTime write.caching=false
topic logs.optimism 12 cleanup.policy=delete retention.ms=604800000 retention.bytes=-1 max.message.bytes=16777216 compression.type=producer message.timestamp.type=CreateTime write.caching=false
topic logs.base 12 cleanup.policy=delete retention.ms=604800000 retention.bytes=-1 max.message.bytes=16777216 compression.type=producer message.timestamp.type=CreateTime write.caching=false
topic blocks 32 cleanup.policy=delete retention.ms=-1 retention.bytes=-1 max.message.bytes=1048576 compression.type=producer message.timestamp.type=CreateTime write.caching=false
topic deliveries 12 cleanup.policy=delete retention.ms=259200000 retention.bytes=-1 max.message.bytes=16777216 compression.type=producer message.timestamp.type=CreateTime write.caching=false
topic deliveries.replay 12 cleanup.policy=delete retention.ms=86400000 retention.bytes=-1 max.message.bytes=16777216 compression.type=producer message.timestamp.type=CreateTime write.caching=false
topic attempts 6 cleanup.policy=delete retention.ms=259200000 retention.bytes=-1 max.message.bytes=1048576 compression.type=producer message.timestamp.type=CreateTime write.caching=false
topic deliveries.dlq 3 cleanup.policy=delete retention.ms=2592000000 retention.bytes=-1 max.message.bytes=20971520 compression.type=producer message.timestamp.type=CreateTime write.caching=false
topic logs.dlq 3 cleanup.policy=delete retention.ms=2592000000 retention.bytes=-1 max.message.bytes=20971520 compression.type=producer message.timestamp.type=CreateTime write.caching=false
