import { hash, randomBytes } from "node:crypto";
import { anyFreePort, endAllEngines, startEngines } from "@ethhook/infra";
import { createKafka, createLogger, type KafkaClient } from "@ethhook/kit";
import { builtInChains, createTopology, type Topology } from "@ethhook/topology";
import { migratePostgres } from "../../migrate/postgres.ts";
import { raceAbort } from "../../start/abort.ts";
import { createApiClient } from "../../start/api-client.ts";
import { createPipeline } from "../../start/pipeline.ts";
import type { SessionFolder } from "../../start/session-folder.ts";
import { applyTopology } from "../../topology/broker.ts";
import { transferEvent } from "../demo-token.ts";
import { startReceiver, type Receiver } from "../receiver.ts";
import type { Received } from "./ledger.ts";
import { contractOf, type Watched } from "./load.ts";

type Env = Readonly<Record<string, string | undefined>>;

export interface StageOptions {
  readonly env: Env;
  readonly folder: SessionFolder;
  /** One contract each. */
  readonly endpoints: number;
  /** How long the receivers take to answer. */
  readonly answerAfterMs: number;
  readonly signal: AbortSignal;
  readonly onStep: (sentence: string) => void;
}

/** Engines with topics and tables, endpoints, and a receiver that writes down what it gets. */
export interface Stage {
  readonly kafka: KafkaClient;
  readonly topology: Topology;
  /** Of every service. */
  readonly env: Env;
  readonly watched: readonly Watched[];
  readonly received: readonly Received[];
  readonly receiver: Receiver;
  /** Resolves with a sentence when an engine ended. */
  readonly broken: Promise<string>;
}

/** What is started is put on `stack`, to be ended in the opposite order. */
export async function openStage(options: StageOptions, stack: AsyncDisposableStack): Promise<Stage> {
  const { folder, signal } = options;
  const topology = createTopology(builtInChains);
  options.onStep("Starting Kafka and Postgres …");
  stack.defer(endAllEngines);
  const engines = await raceAbort(
    startEngines({ kafka: true, postgres: true, onProgress: options.onStep }),
    signal,
  );
  const env = {
    ...options.env,
    KAFKA_BROKERS: engines.kafka?.url ?? "",
    DATABASE_URL: engines.postgres?.url ?? "",
    SECRETS_KEY: randomBytes(32).toString("base64"),
    ADMIN_KEY: randomBytes(24).toString("hex"),
    // The receiver listens on this machine.
    ALLOW_PRIVATE_ADDRESSES: "true",
    NODE_COMPILE_CACHE: folder.compileCache,
  };
  const writes = new Map(topology.topics.map((topic) => [topic.name, topic]));
  const kafka = createKafka({
    brokers: [env.KAFKA_BROKERS],
    clientId: "demo-scale",
    logger: createLogger({ name: "demo-scale", level: "silent" }),
    writes: (topic) => writes.get(topic),
  });
  const admin = kafka.admin();
  stack.defer(() => admin.close());
  await raceAbort(Promise.all([migratePostgres(env.DATABASE_URL), applyTopology(admin, topology)]), signal);
  const received: Received[] = [];
  const receiver = await startReceiver(
    ({ webhookId, body }) => received.push({ webhookId, body: hash("sha1", body), taken: true }),
    options.answerAfterMs,
  );
  stack.defer(() => receiver.stop());
  options.onStep(`Creating ${options.endpoints} endpoints, each for the transfers of one contract …`);
  const watched = await raceAbort(createEndpoints(env, options, receiver, stack), signal);
  const running = [engines.kafka, engines.postgres].filter((engine) => engine !== undefined);
  const broken = Promise.race(running.map(async ({ name, exited }) => `${name} ${await exited}.`));
  return { kafka, topology, env, watched, received, receiver, broken };
}

const createdAtOnce = 10;

/** Through the API, as a user would; it is not needed afterwards. Every fourth asks for its contract's order. */
async function createEndpoints(
  env: Env,
  { endpoints, folder, onStep }: StageOptions,
  receiver: Receiver,
  stack: AsyncDisposableStack,
): Promise<readonly Watched[]> {
  const ports = { API_PORT: await anyFreePort() };
  const pipeline = createPipeline({ env, ports, logsFolder: folder.logs, onNotice: onStep });
  stack.defer(() => pipeline.stopAll());
  const { url } = await pipeline.start("api");
  const admin = createApiClient(url, env["ADMIN_KEY"] ?? "");
  const { apiKey } = await admin("createUser", { body: { email: "scale@ethhook.example", name: "Scale" } });
  const api = createApiClient(url, apiKey.key);
  const { id: applicationId } = await api("createApplication", { body: { name: "demo:scale" } });
  const create = async (n: number): Promise<Watched> => {
    const isOrdered = n % 4 === 0;
    const path = `/hooks/${n}`;
    const address = contractOf(n);
    const filter = { chains: ["base"], addresses: [address], event: transferEvent };
    // None was given, so the answer has one.
    const { id, secret = "" } = await api("createEndpoint", {
      params: { applicationId },
      body: {
        url: `${receiver.url}${path}`,
        filter,
        delivery: { ordering: isOrdered ? "contract" : "none" },
      },
    });
    receiver.trust(path, secret);
    return { address, endpointId: id, isOrdered };
  };
  const watched: Watched[] = [];
  for (let n = 1; n <= endpoints; n += createdAtOnce) {
    const some = Array.from({ length: Math.min(createdAtOnce, endpoints - n + 1) }, (_, index) => n + index);
    watched.push(...(await Promise.all(some.map(create))));
  }
  await pipeline.stop("api");
  return watched;
}

/** Every record of `deliveries`, each partition in its order: what the matchers wrote. */
export async function readDeliveries({ kafka, topology }: Stage): Promise<readonly Received[]> {
  const { name: topic, partitions, message } = topology.deliveries;
  const reader = kafka.reader();
  const found: Received[] = [];
  try {
    for (let partition = 0; partition < partitions; partition += 1) {
      for await (const records of reader.read({ topic, partition })) {
        for (const { value } of records) {
          const decoded = message.decode(value);
          if (!decoded.ok || decoded.value.origin !== "match") continue;
          const { webhookId, body } = decoded.value;
          found.push({ webhookId, body: hash("sha1", body), taken: true });
        }
      }
    }
  } finally {
    await reader.close();
  }
  return found;
}
