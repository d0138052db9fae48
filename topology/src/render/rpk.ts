import { dialects } from "../dialects.ts";
import type { Topology } from "../topics.ts";
import type { AnyTopic } from "../types.ts";

/**
 * A shell script that makes the topics on Redpanda with `rpk`, for those who have no Node there. Safe to run twice: an
 * existing topic only gets its declared settings; partitions and undeclared settings are left alone. Pure text.
 */
export function renderRpk(topology: Topology): string {
  return `#!/bin/sh
# Rendered from the topology by \`npm run topology -- render --write\`. Do not edit.
# Usage: REPLICAS=3 sh rpk.sh -X brokers=host:9092
set -eu
replicas="\${REPLICAS:-1}"

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

${topology.topics.map(topicLine).join("\n")}
`;
}

function topicLine(topic: AnyTopic): string {
  const settings = Object.entries(dialects.redpanda.settings(topic, { replicationFactor: -1 }));
  const shown = settings.map(([name, value]) => `${name}=${value}`).join(" ");
  return `topic ${topic.name} ${topic.partitions} ${shown}`;
}
