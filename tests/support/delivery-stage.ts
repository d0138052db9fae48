import { randomBytes } from "node:crypto";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startKafka, startPostgres, type Engine } from "@ethhook/infra";
import { createKafka, createLogger, parseSecretKeys, sealSecret, type KafkaClient } from "@ethhook/kit";
import {
  attemptCodec,
  deadDeliveryCodec,
  webhookId,
  type Attempt,
  type DeadDelivery,
  type Delivery,
  type EndpointSettingsInput,
} from "@ethhook/schemas";
import { migratePostgres } from "@ethhook/scripts/migrate";
import { builtInChains, createTopology, toRecord } from "@ethhook/topology";
import type pg from "pg";
import { sampleDelivery } from "./messages.ts";
import { startServiceProcess, type ServiceProcess } from "./service-process.ts";
import { testPool } from "./postgres.ts";

const topology = createTopology(builtInChains);
const secretsKey = Buffer.alloc(32, 7).toString("base64");
const applicationId = "app_00000000000000000000000a";
const userId = "usr_00000000000000000000000a";

export interface TestEndpoint {
  readonly id: string;
  readonly secret: string;
}

/** Real Kafka and Postgres with the topics and tables of delivery, and nothing else. */
export interface DeliveryStage {
  readonly kafka: KafkaClient;
  readonly db: pg.Pool;
  /** The running ones: replaced by a restart. */
  readonly engines: Readonly<Record<"kafka" | "postgres", Engine>>;
  /** Environment of a delivery process on this stage. */
  readonly env: Readonly<Record<string, string>>;
  endpoint(url: string, settings?: EndpointSettingsInput): Promise<TestEndpoint>;
  /** Adds deliveries to the topic. Resolves when the broker holds them. */
  produce(deliveries: readonly Delivery[]): Promise<void>;
  deliveryProcess(env?: Readonly<Record<string, string>>): Promise<ServiceProcess>;
  attempts(): Promise<readonly Attempt[]>;
  dead(): Promise<readonly DeadDelivery[]>;
  parkedRows(): Promise<number>;
  /** Records of `deliveries` that the group has not committed. */
  uncommitted(): Promise<number>;
  /** SIGKILL, and the same engine again on the same port and data once `whileDown` is done. */
  killAndRestart(engine: "kafka" | "postgres", whileDown?: () => Promise<void>): Promise<void>;
  /** Ends the delivery processes that still run: a failed test leaves them behind. */
  stopProcesses(): Promise<void>;
  stop(): Promise<void>;
}

/** The n-th delivery of an endpoint: ids, body and place that are the same for the same arguments. */
export function deliveryOf(
  endpoint: { readonly id: string },
  n: number,
  change: Partial<Delivery> = {},
): Delivery {
  const eventId = `1:0x${n.toString(16).padStart(64, "0")}:${n}`;
  const sequence = change.sequence ?? n + 1;
  return sampleDelivery({
    eventId,
    endpointId: endpoint.id,
    applicationId,
    userId,
    sequence,
    addedSequence: sequence,
    logIndex: n,
    webhookId: webhookId({ eventId, sequence, endpointId: endpoint.id, kind: change.kind ?? "new" }),
    body: JSON.stringify({ type: "log.new", data: { n, padding: "x".repeat(600) } }),
    seenAtMs: Date.now(),
    matchedAtMs: Date.now(),
    ...change,
  });
}

/** The removal of what `fresh` told. */
export function removalOf(fresh: Delivery): Delivery {
  const sequence = fresh.sequence + 1_000;
  const { eventId, endpointId } = fresh;
  const id = webhookId({ eventId, sequence, endpointId, kind: "removed" });
  return {
    ...fresh,
    kind: "removed",
    sequence,
    addedSequence: fresh.sequence,
    webhookId: id,
    body: '{"type":"log.removed"}',
  };
}

/** So many matches of one block, which no other block shares. */
export function blockOf(endpoint: { readonly id: string }, block: number, events: number): Delivery[] {
  return Array.from({ length: events }, (_, n) =>
    deliveryOf(endpoint, block * 100 + n, {
      blockNumber: block,
      blockHash: `0x${String(block).padStart(64, "b")}`,
      sequence: block,
      addedSequence: block,
      logIndex: n,
    }),
  );
}

export async function startDeliveryStage(): Promise<DeliveryStage> {
  const folder = await mkdtemp(join(tmpdir(), "ethhook-stage-"));
  // Postgres may run as another user, who must be able to reach its folder.
  await chmod(folder, 0o755);
  const start = {
    kafka: (port = 0) => startKafka({ dataDir: join(folder, "kafka"), port }),
    postgres: (port = 0) => startPostgres({ dataDir: join(folder, "postgres"), port }),
  };
  const [kafkaEngine, postgresEngine] = await Promise.all([start.kafka(), start.postgres()]);
  const engines = { kafka: kafkaEngine, postgres: postgresEngine };
  const logger = createLogger({ name: "stage", level: "silent" });
  const kafka = createKafka({
    brokers: [`127.0.0.1:${kafkaEngine.port}`],
    clientId: "stage",
    logger,
    writes: (name) => topology.topics.find((topic) => topic.name === name),
  });
  await migratePostgres(postgresEngine.url);
  await createTopics(kafka);
  const db = testPool(postgresEngine.url, 4);
  await db.query("INSERT INTO users (id, email) VALUES ($1, 'stage@example.org')", [userId]);
  await db.query("INSERT INTO applications (id, user_id, name) VALUES ($1, $2, 'stage')", [
    applicationId,
    userId,
  ]);
  const producer = kafka.producer();
  await producer.start();
  const env = {
    KAFKA_BROKERS: `127.0.0.1:${kafkaEngine.port}`,
    DATABASE_URL: postgresEngine.url,
    SECRETS_KEY: secretsKey,
    ALLOW_PRIVATE_ADDRESSES: "true",
  };
  const processes: ServiceProcess[] = [];
  async function stopProcesses(): Promise<void> {
    await Promise.all(processes.splice(0).map((one) => one.stop(2_000)));
  }
  return {
    kafka,
    db,
    engines,
    env,
    endpoint: (url, settings = {}) => insertEndpoint(db, url, settings),
    produce: (deliveries) => producer.send(deliveries.map((one) => toRecord(topicOf(one), one))),
    async deliveryProcess(more = {}) {
      const started = await startServiceProcess("delivery", { ...env, ...more });
      processes.push(started);
      return started;
    },
    attempts: () => readAll(kafka, topology.attempts.name, topology.attempts.partitions, attemptCodec.decode),
    dead: () =>
      readAll(
        kafka,
        topology.deliveriesDlq.name,
        topology.deliveriesDlq.partitions,
        deadDeliveryCodec.decode,
      ),
    async parkedRows() {
      const { rows } = await db.query<{ n: string }>("SELECT count(*) AS n FROM parked_deliveries");
      return Number(rows[0]?.n);
    },
    uncommitted: () => uncommitted(kafka),
    async killAndRestart(engine, whileDown) {
      const { pid, port, exited } = engines[engine];
      process.kill(pid, "SIGKILL");
      await exited;
      await whileDown?.();
      if (engine === "kafka") engines.kafka = await start.kafka(port);
      else engines.postgres = await start.postgres(port);
    },
    stopProcesses,
    async stop() {
      await stopProcesses();
      await producer.stop();
      await db.end();
      await Promise.all([engines.kafka.stop(), engines.postgres.stop()]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function topicOf(delivery: Delivery) {
  return delivery.origin === "replay" || delivery.origin === "redrive"
    ? topology.deliveriesReplay
    : topology.deliveries;
}

async function uncommitted(kafka: KafkaClient): Promise<number> {
  const admin = kafka.admin();
  const { name } = topology.deliveries;
  const [bounds, offsets] = await Promise.all([
    admin.bounds(name),
    admin.committedOffsets("delivery", [name]),
  ]);
  await admin.close();
  const committed = new Map(offsets.map(({ partition, offset }) => [partition, offset]));
  return bounds.reduce(
    (sum, { partition, start, end }) => sum + end - (committed.get(partition) ?? start),
    0,
  );
}

async function createTopics(kafka: KafkaClient): Promise<void> {
  const admin = kafka.admin();
  const { deliveries, deliveriesReplay, attempts, deliveriesDlq } = topology;
  await admin.createTopics(
    [deliveries, deliveriesReplay, attempts, deliveriesDlq].map(({ name, partitions, messageBytesMax }) => ({
      name,
      partitions,
      replicationFactor: 1,
      configs: { "max.message.bytes": String(messageBytesMax) },
    })),
  );
  await admin.close();
}

async function insertEndpoint(
  db: pg.Pool,
  url: string,
  settings: EndpointSettingsInput,
): Promise<TestEndpoint> {
  const id = `ep_${randomBytes(12).toString("hex")}`;
  const secret = `whsec_${randomBytes(32).toString("base64")}`;
  await db.query(
    "INSERT INTO endpoints (id, application_id, user_id, url, delivery) VALUES ($1, $2, $3, $4, $5)",
    [id, applicationId, userId, url, JSON.stringify(settings)],
  );
  await addSecret(db, id, secret);
  return { id, secret };
}

export async function addSecret(db: pg.Pool, endpointId: string, secret: string): Promise<void> {
  const sealed = sealSecret(parseSecretKeys(secretsKey), secret, endpointId);
  await db.query("INSERT INTO endpoint_secrets (endpoint_id, sealed) VALUES ($1, $2)", [endpointId, sealed]);
}

type Decode<T> = (bytes: Buffer | null) => { ok: true; value: T } | { ok: false; reason: string };

async function readAll<T>(
  kafka: KafkaClient,
  topic: string,
  partitions: number,
  decode: Decode<T>,
): Promise<T[]> {
  const reader = kafka.reader();
  const messages: T[] = [];
  for (let partition = 0; partition < partitions; partition++) {
    for await (const records of reader.read({ topic, partition })) {
      for (const record of records) {
        const decoded = decode(record.value);
        if (!decoded.ok) throw new Error(`${topic}/${partition}@${record.offset}: ${decoded.reason}`);
        messages.push(decoded.value);
      }
    }
  }
  await reader.close();
  return messages;
}
