import { cpSync, existsSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { dataFolder } from "../folders.ts";
import { choosePort } from "../ports.ts";
import { spawnEngine, untilReady } from "../process.ts";
import { progressToStderr, type Engine, type EngineOptions } from "../types.ts";
import { installKafka } from "./install.ts";
import { brokerJvmFlags, findJava } from "./jvm.ts";
import { brokerAnswers } from "./metadata.ts";
import { brokerProperties } from "./properties.ts";

export interface KafkaEngine extends Engine {
  /** For a client: `host:port` of each broker. */
  readonly brokers: readonly string[];
}

/** A real Apache Kafka broker (KRaft, one node, no topics). Its first start on a machine downloads 44 MB. */
export async function startKafka(options: EngineOptions = {}): Promise<KafkaEngine> {
  const java = findJava();
  const installation = await installKafka(java, options.onProgress ?? progressToStderr);
  const use = { engine: "Kafka", variable: "KAFKA_PORT" };
  const port = await choosePort(options.port, use);
  const controllerPort = await choosePort(0, use);
  const folder = dataFolder("kafka", options.dataDir);
  const data = join(folder.path, "data");
  if (!existsSync(data)) {
    // Renamed when it is whole: an interrupted start must not leave half of it.
    cpSync(installation.emptyData, `${data}.part`, { recursive: true });
    renameSync(`${data}.part`, data);
  }
  const config = join(folder.path, "server.properties");
  writeFileSync(config, brokerProperties(data, { port, controllerPort }));
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
    logPath: join(folder.path, "kafka.log"),
    keepsLog: options.dataDir !== undefined,
    endSignal: "TERM",
  });
  await folder.discardOnError(() => untilReady(engine, () => brokerAnswers("127.0.0.1", port)));
  const url = `127.0.0.1:${port}`;
  return {
    ...engine,
    url,
    brokers: [url],
    port,
    async stop() {
      await engine.end();
      folder.discard();
    },
  };
}
