import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createClient } from "@clickhouse/client";
import {
  startClickHouse,
  startEngines,
  startKafka,
  type Engine,
  type Engines,
  type KafkaEngine,
} from "@ethhook/infra";
import { createKafka, createLogger, type KafkaClient } from "@ethhook/kit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../support/until.ts";

const logger = createLogger({ name: "test", level: "silent" });

function isGone(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return /\) Z /.test(stat);
  } catch {
    return true;
  }
}

function kafkaOf(engine: KafkaEngine): KafkaClient {
  return createKafka({ brokers: engine.brokers, clientId: "engines.test", logger });
}

describe("engines in this process", () => {
  let engines: Engines;
  beforeAll(async () => {
    engines = await startEngines({
      kafka: true,
      postgres: true,
      clickhouse: true,
      anvils: [{ chainId: 1 }, { chainId: 8453 }],
    });
  });
  afterAll(() => engines.stop());

  test("Kafka writes and reads a record at once, transactions included", async () => {
    const kafka = kafkaOf(engines.kafka!);
    const admin = kafka.admin();
    await admin.createTopics([{ name: "engines.probe", partitions: 3, replicationFactor: 1, configs: {} }]);
    const producer = kafka.transactionalProducer("engines.probe");
    await producer.start();
    await producer.transact([{ topic: "engines.probe", key: "0xab", partition: 1, value: "{}" }]);
    // The commit is acknowledged before its marker is written, and only then may a reader see the record.
    await expect
      .poll(() => kafka.readTail({ topic: "engines.probe", partition: 1 }, 1))
      .toMatchObject([{ key: "0xab", value: Buffer.from("{}") }]);
    await producer.stop();
    await admin.close();
  });

  test("each chain's node answers with the chain id it was given", async () => {
    for (const anvil of engines.anvils) {
      const response = await fetch(anvil.httpUrl, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "eth_chainId", params: [] }),
      });
      expect(await response.json()).toMatchObject({ result: `0x${anvil.chainId.toString(16)}` });
    }
  });

  test("ClickHouse answers with parameters and keeps a MergeTree table", async () => {
    const client = createClient({ url: engines.clickhouse!.url });
    await client.command({ query: "CREATE TABLE probe (id UInt64) ENGINE = MergeTree ORDER BY id" });
    await client.insert({ table: "probe", values: [{ id: 7 }], format: "JSONEachRow" });
    const rows = await client.query({
      query: "SELECT id FROM probe WHERE id = {id: UInt64}",
      query_params: { id: 7 },
      format: "JSONEachRow",
    });
    expect(await rows.json()).toEqual([{ id: 7 }]);
    await client.close();
  });
});

test("stopping engines ends their processes and removes their temp folders", async () => {
  const engines = await startEngines({ postgres: true, clickhouse: true, anvils: [{ chainId: 10 }] });
  const all: readonly Engine[] = [engines.postgres!, engines.clickhouse!, ...engines.anvils];
  await engines.stop();
  await engines.stop();
  for (const { pid, logPath } of all) {
    expect(isGone(pid)).toBe(true);
    expect(existsSync(dirname(logPath))).toBe(false);
  }
});

test("data in a folder that only its owner may enter stays in that folder", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "ethhook-test-"));
  const outside = () => readdirSync(tmpdir()).filter((name) => name.startsWith("ethhook-postgres-data-"));
  const before = outside();
  const engines = await startEngines({ postgres: true, dataDir });
  await engines.stop();
  expect(existsSync(join(dataDir, "postgres", "data", "PG_VERSION"))).toBe(true);
  expect(outside()).toEqual(before);
  rmSync(dataDir, { recursive: true });
});

test("when one engine cannot start, the others are stopped and the error says why", async () => {
  const taken = await startEngines({ anvils: [{ chainId: 1 }] });
  const port = taken.anvils[0]!.port;
  await expect(
    startEngines({ postgres: true, clickhouse: true, ports: { clickhouse: port } }),
  ).rejects.toThrow(
    `Port ${port} is in use by anvil (pid ${taken.anvils[0]!.pid}), and ClickHouse needs it.`,
  );
  await taken.stop();
});

test("a ClickHouse that is killed is out of its consumer group after six seconds, not forty-five", async () => {
  const kafka = await startKafka();
  const clickhouse = await startClickHouse();
  const client = createClient({ url: clickhouse.url });
  const admin = kafkaOf(kafka).admin();
  await admin.createTopics([{ name: "leave.probe", partitions: 1, replicationFactor: 1, configs: {} }]);
  await client.command({
    query: `CREATE TABLE queue (line String) ENGINE = Kafka SETTINGS kafka_broker_list = '${kafka.url}',
      kafka_topic_list = 'leave.probe', kafka_group_name = 'clickhouse.probe', kafka_format = 'LineAsString'`,
  });
  await client.command({ query: "CREATE TABLE rows (line String) ENGINE = MergeTree ORDER BY line" });
  await client.command({ query: "CREATE MATERIALIZED VIEW view TO rows AS SELECT line FROM queue" });
  const members = async (): Promise<number> =>
    (await admin.describeGroups(["clickhouse.probe"]))[0]!.members.length;
  await until("ClickHouse joined its group", members, (count) => count === 1);
  await client.close();
  process.kill(clickhouse.pid, "SIGKILL");
  expect(await until("its session is over", members, (count) => count === 0, 12_000)).toBe(0);
  await clickhouse.stop();
  await admin.close();
  await kafka.stop();
});
