import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { dataFolder } from "../folders.ts";
import type { EngineProcess } from "../process.ts";
import type { EngineOptions } from "../types.ts";
import { chooseNode, findKafka, startNode, urlOf } from "./kafka.ts";
import type { KafkaNode } from "./properties.ts";

/** Real Apache Kafka brokers that know each other: what is written is on three of them, and acknowledged by two. */
export interface KafkaCluster {
  /** For a client: `host:port` of each broker, dead ones too. */
  readonly brokers: readonly string[];
  /** Numbers of the brokers, as metadata names them: 1, 2, … */
  readonly ids: readonly number[];
  /** The process of a broker that runs. */
  pidOf(id: number): number;
  /** SIGKILL. Resolves when the process is gone; the others notice within 2 s. */
  kill(id: number): Promise<void>;
  /** Starts a killed broker again, on its data and its port. Resolves when it is in service. */
  restart(id: number): Promise<void>;
  stop(): Promise<void>;
}

export async function startKafkaCluster(
  size: number,
  options: Omit<EngineOptions, "port"> = {},
): Promise<KafkaCluster> {
  const software = await findKafka(options);
  const nodes: KafkaNode[] = [];
  for (let id = 1; id <= size; id += 1) nodes.push(await chooseNode(id, 0));
  const data = dataFolder("kafka-cluster", options.dataDir);
  const running = new Map<number, EngineProcess>();

  async function start(node: KafkaNode): Promise<void> {
    const folder = join(data.path, `node-${node.id}`);
    mkdirSync(folder, { recursive: true });
    const keepsLog = options.dataDir !== undefined;
    running.set(node.id, await startNode({ software, node, cluster: nodes, folder, keepsLog }));
  }

  async function stop(): Promise<void> {
    // The last ones have no majority to say goodbye to, and would wait for it: there is nothing left to hand over.
    await Promise.all([...running.values()].map((engine) => engine.end(0)));
    data.discard();
  }

  // All of them, whatever becomes of one: a failed start must leave none behind.
  const starts = await Promise.allSettled(nodes.map(start));
  const failed = starts.find((one) => one.status === "rejected");
  if (failed) {
    await stop();
    throw failed.reason;
  }
  function engineOf(id: number): EngineProcess {
    const engine = running.get(id);
    if (!engine) throw new RangeError(`no broker ${id} runs`);
    return engine;
  }

  return {
    brokers: nodes.map(urlOf),
    ids: nodes.map(({ id }) => id),
    pidOf: (id) => engineOf(id).pid,
    async kill(id) {
      const engine = engineOf(id);
      running.delete(id);
      process.kill(engine.pid, "SIGKILL");
      await engine.exited;
    },
    async restart(id) {
      const node = nodes.find((one) => one.id === id);
      if (!node || running.has(id)) throw new RangeError(`broker ${id} cannot be started`);
      await start(node);
    },
    stop,
  };
}
