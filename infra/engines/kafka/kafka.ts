import { randomBytes } from "node:crypto";
import { cpSync, existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { dataFolder } from "../folders.ts";
import { choosePort } from "../ports.ts";
import { type EngineProcess, spawnEngine, untilReady } from "../process.ts";
import { progressToStderr, type Engine, type EngineOptions } from "../types.ts";
import { installKafka, type KafkaInstallation } from "./install.ts";
import { brokerJvmFlags, findJava, type Java } from "./jvm.ts";
import { brokerPorts } from "./metadata.ts";
import { brokerProperties, type KafkaNode } from "./properties.ts";

export interface KafkaEngine extends Engine {
  /** For a client: `host:port` of each broker. */
  readonly brokers: readonly string[];
}

/** What every node of this machine runs on. */
export interface KafkaSoftware {
  readonly java: Java;
  readonly installation: KafkaInstallation;
}

export async function findKafka(options: EngineOptions): Promise<KafkaSoftware> {
  const java = findJava();
  return { java, installation: await installKafka(java, options.onProgress ?? progressToStderr) };
}

const use = { engine: "Kafka", variable: "KAFKA_PORT" };

/** @param port 0 or undefined: a free one. */
export async function chooseNode(id: number, port: number | undefined): Promise<KafkaNode> {
  return { id, port: await choosePort(port, use), controllerPort: await choosePort(0, use) };
}

/** A real Apache Kafka broker (KRaft, one node, no topics). Its first start on a machine downloads 44 MB. */
export async function startKafka(options: EngineOptions = {}): Promise<KafkaEngine> {
  const software = await findKafka(options);
  const node = await chooseNode(1, options.port);
  const folder = dataFolder("kafka", options.dataDir);
  const keepsLog = options.dataDir !== undefined;
  const engine = await folder.discardOnError(() =>
    startNode({ software, node, cluster: [node], folder: folder.path, keepsLog }),
  );
  const url = urlOf(node);
  return {
    ...engine,
    url,
    brokers: [url],
    port: node.port,
    async stop() {
      await engine.end();
      folder.discard();
    },
  };
}

export const urlOf = ({ port }: KafkaNode): string => `127.0.0.1:${port}`;

export interface NodeStart {
  readonly software: KafkaSoftware;
  readonly node: KafkaNode;
  readonly cluster: readonly KafkaNode[];
  /** Its data, its configuration and its log; what is there is used again. */
  readonly folder: string;
  readonly keepsLog: boolean;
}

/** Starts one node. Resolves when its broker is in service, which takes a majority of the cluster's nodes. */
export async function startNode(start: NodeStart): Promise<EngineProcess> {
  const { software, node, cluster, folder, keepsLog } = start;
  const { java, installation } = software;
  const data = join(folder, "data");
  if (!existsSync(data)) {
    // Renamed when it is whole: an interrupted start must not leave half of it.
    cpSync(installation.emptyData, `${data}.part`, { recursive: true });
    nameNode(`${data}.part`, node);
    renameSync(`${data}.part`, data);
  }
  const config = join(folder, "server.properties");
  writeFileSync(config, brokerProperties(data, node, cluster));
  const engine = await spawnEngine({
    name: "Kafka",
    command: java.command,
    args: [
      `-XX:SharedArchiveFile=${installation.classArchive}`,
      ...brokerJvmFlags,
      "-cp",
      installation.classPath,
      "kafka.Kafka",
      config,
    ],
    logPath: join(folder, "kafka.log"),
    keepsLog,
    endSignal: "TERM",
  });
  await untilReady(engine, async () => (await brokerPorts("127.0.0.1", node.port)).includes(node.port));
  return engine;
}

/** The empty data folder was formatted for node 1: every other node has a number, and every folder a name, of its own. */
function nameNode(data: string, { id }: KafkaNode): void {
  const path = join(data, "meta.properties");
  const named = readFileSync(path, "utf8")
    .replace(/^node\.id=.*$/m, `node.id=${id}`)
    .replace(/^directory\.id=.*$/m, `directory.id=${randomBytes(16).toString("base64url")}`);
  writeFileSync(path, named);
}
