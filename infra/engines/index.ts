export { startAnvil, type AnvilEngine, type AnvilOptions } from "./anvil.ts";
export { startClickHouse, type ClickHouseEngine, type ClickHouseOptions } from "./clickhouse.ts";
export { startEngines, type Engines, type EnginesOptions } from "./engines.ts";
export { startKafkaCluster, type KafkaCluster } from "./kafka/cluster.ts";
export { startKafka, type KafkaEngine } from "./kafka/kafka.ts";
export { kafkaVersion } from "./kafka/versions.ts";
export { discardEngineData, resetEngines, takeDownEngines } from "./local/down.ts";
export type { PlanOptions } from "./local/plan.ts";
export type { EngineRecord } from "./local/state.ts";
export { statusOfEngines, type EngineStatus } from "./local/status.ts";
export {
  bringUpEngines,
  withoutPassword,
  type EngineOutcome,
  type LocalEngines,
  type UpOptions,
} from "./local/up.ts";
export { anyFreePort, isFree } from "./ports.ts";
export { startPostgres } from "./postgres.ts";
export { endAllEngines } from "./process.ts";
export type { Engine, EngineOptions } from "./types.ts";
export { guard, spawnGuarded } from "./watchdog.ts";
export {
  prometheusConfig,
  requirePrometheus,
  startPrometheus,
  type PrometheusOptions,
} from "./prometheus.ts";
