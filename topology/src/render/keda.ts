import type { MetricName } from "../metrics/catalogue.ts";
import type { Topology } from "../topics.ts";
import type { ConsumerGroup } from "../types.ts";

export interface KedaOptions {
  readonly namespace: string;
  readonly bootstrapServers: string;
  readonly prometheusUrl: string;
}

export const kedaDefaults: KedaOptions = {
  namespace: "ethhook",
  bootstrapServers: "redpanda.ethhook.svc.cluster.local:9092",
  prometheusUrl: "http://prometheus.ethhook.svc.cluster.local:9090",
};

/** Open records per member at which one more is started. A matcher takes some 20,000 a second, delivery some 2,000. */
const lagThreshold = { matcher: 20_000, delivery: 2_000 } as const;

const eligible: MetricName = "ethhook_lag_eligible_records";

/** One KEDA ScaledObject for each service: replicas follow the lag, and never pass the partitions. Pure text. */
export function renderKeda(topology: Topology, options: KedaOptions = kedaDefaults): string {
  const head = "# Rendered from the topology by `npm run topology -- render --write`. Do not edit.";
  const services = (["matcher", "delivery"] as const).map((member) => {
    const groups = topology.groups.filter((group) => group.member === member);
    return scaledObject(member, groups, options);
  });
  return `${head}\n${services.join("---\n")}`;
}

function scaledObject(
  member: "matcher" | "delivery",
  groups: readonly ConsumerGroup[],
  options: KedaOptions,
): string {
  const replicasMax = Math.max(...groups.map(({ membersMax }) => membersMax));
  return `apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  name: ${member}
  namespace: ${options.namespace}
spec:
  scaleTargetRef:
    name: ${member}
  minReplicaCount: 2
  # As many as there are partitions: one more would be idle.
  maxReplicaCount: ${replicasMax}
  # A rebalance costs a moment of latency, so scaling down waits.
  cooldownPeriod: 300
  triggers:
${groups.map((group) => trigger(group, lagThreshold[member], options)).join("\n")}
`;
}

function trigger(group: ConsumerGroup, threshold: number, options: KedaOptions): string {
  if (group.waitsFor !== undefined) {
    return `    # ${group.id} waits for finality on purpose: only its eligible lag is work.
    - type: prometheus
      metadata:
        serverAddress: ${options.prometheusUrl}
        query: sum(${eligible}{group="${group.id}"})
        threshold: "${threshold}"`;
  }
  return `    # Without a topic: all that the group reads.
    - type: kafka
      metadata:
        bootstrapServers: ${options.bootstrapServers}
        consumerGroup: ${group.id}
        lagThreshold: "${threshold}"
        offsetResetPolicy: earliest
        allowIdleConsumers: "false"`;
}
