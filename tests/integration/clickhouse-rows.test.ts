import { toRecord } from "@ethhook/topology";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startClickHouseStage, type ClickHouseStage } from "../support/clickhouse-stage.ts";
import {
  addressOf,
  sampleAttempt,
  sampleBlock,
  sampleDeadDelivery,
  sampleDelivery,
  sampleLog,
} from "../support/messages.ts";
import { until } from "../support/until.ts";

let stage: ClickHouseStage;
let topology: ClickHouseStage["topology"];
let send: ClickHouseStage["send"];
let rows: ClickHouseStage["rows"];

beforeAll(async () => {
  stage = await startClickHouseStage();
  ({ topology, send, rows } = stage);
});
afterAll(() => stage?.stop());

const some = (found: readonly unknown[]) => found.length > 0;

test("a log becomes a typed row, with its amount as a number and where its record stands", async () => {
  const address = addressOf(0xbeef);
  const log = sampleLog({ chainId: 8453, address, data: `0x${"f".repeat(64)}`, logIndex: 3 });
  await send(toRecord(topology.logs.of(8453), log));
  const query = `SELECT chain_id, lower(hex(address)) AS contract, topic_count, lower(hex(topic1)) AS second,
      toString(word0) AS word0, toUnixTimestamp(block_time) AS time, kind, toString(seen_at) AS seen_at, _topic
    FROM logs FINAL WHERE address = unhex('${address.slice(2)}')`;
  const [row] = await until("the log", () => rows(query), some);
  expect(row).toMatchObject({
    chain_id: 8453,
    contract: address.slice(2),
    topic_count: 2,
    second: log.topics[1]?.slice(2),
    word0: (2n ** 256n - 1n).toString(),
    time: log.blockTimestamp,
    kind: "new",
    _topic: "logs.base",
  });
});

test("a record that arrives twice is one row", async () => {
  const log = sampleLog({ address: addressOf(0xd0d0) });
  const record = toRecord(topology.logs.of(1), log);
  const query = `SELECT log_index FROM logs FINAL WHERE address = unhex('${log.address.slice(2)}') ORDER BY log_index`;
  await send(record);
  await until("the first", () => rows(query), some);
  // The last one is the sentinel: it stands behind the repeated one in the same partition.
  await send(record, toRecord(topology.logs.of(1), { ...log, logIndex: 1 }));
  expect(
    await until(
      "the sentinel",
      () => rows(query),
      (found) => found.length > 1,
    ),
  ).toEqual([{ log_index: 0 }, { log_index: 1 }]);
});

test("blocks, deliveries, attempts and dead letters become rows with the user beside them", async () => {
  const delivery = sampleDelivery();
  await send(
    toRecord(topology.blocks, sampleBlock({ chainId: 10, sequence: 5 })),
    toRecord(topology.deliveries, delivery),
    toRecord(topology.attempts, sampleAttempt()),
    toRecord(topology.deliveriesDlq, sampleDeadDelivery()),
  );
  const [block] = await until("the block", () => rows("SELECT * FROM blocks WHERE chain_id = 10"), some);
  expect(block).toMatchObject({ sequence: 5, kind: "added", log_count: 1, _partition: 2 });
  const user = `WHERE user_id = '${delivery.userId}'`;
  const [delivered] = await until("the delivery", () => rows(`SELECT * FROM deliveries ${user}`), some);
  expect(delivered).toMatchObject({ webhook_id: delivery.webhookId, body: delivery.body, origin: "match" });
  const [attempt] = await until("the attempt", () => rows(`SELECT * FROM attempts ${user}`), some);
  expect(attempt).toMatchObject({
    outcome: "delivered",
    status_code: 200,
    total_ms: 4.25,
    tls_ms: null,
    error: "",
  });
  const [dead] = await until("the dead letter", () => rows(`SELECT * FROM dead_deliveries ${user}`), some);
  expect(dead).toMatchObject({ reason: "exhausted", attempts: 2, webhook_id: delivery.webhookId });
});

test("of a webhook that is matched, released and replayed, the match's row stays", async () => {
  const webhookId = "msg_precedence";
  const { deliveries, deliveriesReplay } = topology;
  const query = `SELECT origin FROM deliveries FINAL WHERE webhook_id IN ('${webhookId}', 'msg_sentinel') ORDER BY origin`;
  await send(toRecord(deliveries, sampleDelivery({ webhookId, origin: "match" })));
  await until("the match", () => rows(query), some);
  await send(
    toRecord(deliveries, sampleDelivery({ webhookId, origin: "release", attemptsMade: 1 })),
    toRecord(deliveriesReplay, sampleDelivery({ webhookId, origin: "replay", attemptsMade: 1 })),
    toRecord(deliveriesReplay, sampleDelivery({ webhookId: "msg_sentinel", origin: "test" })),
  );
  const found = await until(
    "the sentinel",
    () => rows(query),
    (origins) => origins.length > 1,
  );
  expect(found).toEqual([{ origin: "match" }, { origin: "test" }]);
});

test("an unreadable log that the matcher gave up is kept byte for byte", async () => {
  await send({
    topic: "logs.dlq",
    key: addressOf(9),
    value: Buffer.from([0, 255, 10, 34]),
    headers: {
      "source-topic": "logs.base",
      "source-partition": "3",
      "source-offset": "77",
      reason: "not JSON",
      group: "matcher.latest",
      "dead-at-ms": "1790000000123",
    },
  });
  const query =
    "SELECT source_topic, source_offset, hex(value) AS value, toString(dead_at) AS at FROM dead_logs";
  expect(await until("the dead log", () => rows(query), some)).toEqual([
    { source_topic: "logs.base", source_offset: 77, value: "00FF0A22", at: "2026-09-21 14:13:20.123" },
  ]);
});

test("what cannot be read is kept with its place and reason, and what follows is still read", async () => {
  const good = sampleLog({ address: addressOf(0x600d) });
  const topic = "logs.optimism";
  const bad: Readonly<Record<string, string>> = {
    notJson: "{",
    negative: JSON.stringify({ ...good, logIndex: -1 }),
    shortHash: JSON.stringify({ ...good, blockHash: "0x12" }),
    longAddress: JSON.stringify({ ...good, address: `${good.address}00` }),
    newer: JSON.stringify({ ...good, v: 2 }),
    oddKind: JSON.stringify({ ...good, kind: "maybe" }),
    empty: "{}",
  };
  const values = [...Object.values(bad), JSON.stringify(good)];
  await send(...values.map((value) => ({ topic, key: good.address, value, partition: 0 })));
  await until("the good one", () => rows(`SELECT 1 FROM logs WHERE _topic = '${topic}'`), some);
  const errors = await until(
    "the errors",
    () =>
      rows<{ _offset: number; reason: string }>(
        `SELECT * FROM ingest_errors FINAL WHERE _topic = '${topic}' ORDER BY _offset`,
      ),
    (found) => found.length >= Object.keys(bad).length,
  );
  expect(errors.map(({ _offset }) => _offset)).toEqual([0, 1, 2, 3, 4, 5, 6]);
  expect(errors.map(({ reason }) => reason).slice(2)).toEqual([
    "blockHash is not 32 bytes",
    "address is not 20 bytes",
    "written by a later version of EthHook: upgrade, then replay this offset",
    "kind is neither new nor removed",
    "no chainId",
  ]);
});
