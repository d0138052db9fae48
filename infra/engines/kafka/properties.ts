/** One process of a cluster: a broker and a controller together. */
export interface KafkaNode {
  /** From 1. */
  readonly id: number;
  readonly port: number;
  readonly controllerPort: number;
}

/** What is written in three places survives the loss of one, and is not acknowledged before it is in two. */
const replicasMax = 3;

/**
 * `server.properties` of one node, by default of one that is alone. Limits are Redpanda's where the two differ, so that nothing works
 * only here.
 */
export function brokerProperties(
  dataDir: string,
  node: KafkaNode,
  cluster: readonly KafkaNode[] = [node],
): string {
  const { id, port, controllerPort } = node;
  const replicas = Math.min(cluster.length, replicasMax);
  const minIsr = Math.max(1, replicas - 1);
  const properties = {
    "process.roles": "broker,controller",
    "node.id": id,
    "controller.quorum.voters": cluster.map((one) => `${one.id}@127.0.0.1:${one.controllerPort}`).join(),
    "controller.listener.names": "CONTROLLER",
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    "advertised.listeners": `PLAINTEXT://127.0.0.1:${port}`,
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "PLAINTEXT",
    "log.dirs": dataDir,
    "auto.create.topics.enable": false,
    "num.partitions": 1,
    "default.replication.factor": replicas,
    "min.insync.replicas": minIsr,
    "offsets.topic.num.partitions": replicas,
    "offsets.topic.replication.factor": replicas,
    "transaction.state.log.num.partitions": replicas,
    "transaction.state.log.replication.factor": replicas,
    "transaction.state.log.min.isr": minIsr,
    "share.coordinator.state.topic.num.partitions": 1,
    "share.coordinator.state.topic.replication.factor": replicas,
    "share.coordinator.state.topic.min.isr": minIsr,
    "group.initial.rebalance.delay.ms": 0,
    "group.max.session.timeout.ms": 300_000,
    // A broker that was killed may come back only when its old session is over: 9 s by default. Until then the others wait for it.
    "broker.session.timeout.ms": cluster.length > 1 ? 2_000 : 4_000,
    "broker.heartbeat.interval.ms": cluster.length > 1 ? 250 : 500,
    "log.cleaner.dedupe.buffer.size": 2_097_152,
    "log.retention.check.interval.ms": 30_000,
    "num.network.threads": 2,
    "num.io.threads": 4,
    "num.recovery.threads.per.data.dir": 2,
  };
  return `${Object.entries(properties)
    .map(([key, value]) => `${key}=${value}`)
    .join("\n")}\n`;
}
