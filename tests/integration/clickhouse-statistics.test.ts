import { toRecord } from "@ethhook/topology";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startClickHouseStage, type ClickHouseStage } from "../support/clickhouse-stage.ts";
import {
  genesisSeconds,
  hashOf,
  sampleAttempt,
  sampleBlock,
  sampleDelivery,
  sampleLog,
} from "../support/messages.ts";
import { until } from "../support/until.ts";

let stage: ClickHouseStage;
beforeAll(async () => {
  stage = await startClickHouseStage();
});
afterAll(() => stage?.stop());

const hourMs = Math.ceil(genesisSeconds / 3_600) * 3_600_000;
const attemptOf = (n: number) => {
  const failed = n % 3 === 0;
  return sampleAttempt({
    attemptId: `att_${n}`,
    webhookId: `msg_${n}`,
    endpointId: n % 2 === 0 ? "ep_even" : "ep_odd",
    outcome: failed ? "failed" : "delivered",
    statusCode: failed ? 500 : 200,
    startedAtMs: hourMs + n * 60_000,
    totalMs: n + 1,
  });
};
const userId = sampleAttempt().userId;
const window = `user_id = '${userId}', since = '2026-01-01 00:00:00', until = '2027-01-01 00:00:00'`;
const totals = `SELECT sum(attempts) AS attempts, sum(delivered) AS delivered, sum(failed) AS failed,
  sum(total_ms_sum) AS ms FROM user_attempts(${window})`;
/** 90 attempts over two hours, a third of them failed. */
const expected = { attempts: 90, delivered: 60, failed: 30, ms: (90 * 91) / 2 };

const sendAll = () =>
  stage.send(...Array.from({ length: 90 }, (_, n) => toRecord(stage.topology.attempts, attemptOf(n))));
const total = async () => (await stage.rows<typeof expected>(totals))[0];
const untilEqual = () =>
  until("the totals", total, (found) => JSON.stringify(found) === JSON.stringify(expected));

test("statistics count every attempt once, also when each record arrives twice", async () => {
  await sendAll();
  expect(await untilEqual()).toEqual(expected);
  await sendAll();
  // A sentinel in another hour shows that the second arrival was read.
  await stage.send(
    ...Array.from({ length: 12 }, (_, n) =>
      toRecord(stage.topology.attempts, {
        ...attemptOf(n),
        attemptId: `att_later_${n}`,
        startedAtMs: hourMs + 9e6,
        userId: "usr_sentinel",
      }),
    ),
  );
  await until(
    "the sentinels",
    () => stage.rows("SELECT 1 FROM attempts WHERE user_id = 'usr_sentinel'"),
    (found) => found.length === 12,
  );
  expect(await total()).toEqual(expected);
});

test("hours that were computed and hours that are still open add up to the same", async () => {
  const computed = `SELECT sum(attempts) AS n FROM attempt_statistics FINAL WHERE user_id = '${userId}' AND endpoint_id = ''`;
  const open = `SELECT hour FROM open_attempt_hours WHERE user_id = '${userId}'`;
  /** As if the rows had come then. */
  const came = async (at: string): Promise<void> => {
    await stage.command("TRUNCATE TABLE attempt_hours");
    await stage.command(
      `INSERT INTO attempt_hours (user_id, hour, touched_at) SELECT DISTINCT user_id, toStartOfHour(started_at), ${at} FROM attempts`,
    );
  };
  await came("now64(3)");
  // On a busy machine the refresh of every 15 s may have been there already.
  await stage.command("TRUNCATE TABLE attempt_statistics");
  await stage.command("SYSTEM REFRESH VIEW attempt_statistics_refresh");
  await stage.command("SYSTEM WAIT VIEW attempt_statistics_refresh");
  // What may still be filling is not computed: it would be computed for nothing.
  expect(await stage.rows(computed)).toEqual([{ n: 0 }]);
  await came("now64(3) - INTERVAL 1 MINUTE");
  await stage.command("SYSTEM REFRESH VIEW attempt_statistics_refresh");
  await until(
    "computed hours",
    () => stage.rows<{ n: number }>(computed),
    ([row]) => row?.n === 90,
  );
  // Noted a moment after they were computed: until then they are counted from their rows.
  await until(
    "no open hour",
    () => stage.rows(open),
    (hours) => hours.length === 0,
  );
  expect(await total()).toEqual(expected);
  // A record comes again in the second hour.
  await stage.command(
    `INSERT INTO attempt_hours (user_id, hour, touched_at) VALUES ('${userId}', fromUnixTimestamp(${hourMs / 1_000 + 3_600}), now64(3))`,
  );
  expect(await stage.rows(open)).toHaveLength(1);
  expect(await total()).toEqual(expected);
});

test("statistics are there by hour, endpoint and chain, with latencies within 5 %", async () => {
  const byEndpoint = await stage.rows(
    `SELECT endpoint_id, chain_id, sum(attempts) AS attempts FROM user_attempts(${window}) GROUP BY ALL ORDER BY 1`,
  );
  expect(byEndpoint).toEqual([
    { endpoint_id: "ep_even", chain_id: 1, attempts: 45 },
    { endpoint_id: "ep_odd", chain_id: 1, attempts: 45 },
  ]);
  const [row] = await stage.rows<{ p50: number }>(
    `SELECT 0.1 * pow(1.1, arrayReduce('quantileExactWeighted(0.5)', mapKeys(h), mapValues(h))) AS p50
     FROM (SELECT sumMap(total_ms_histogram) AS h FROM user_attempts(${window}))`,
  );
  expect(Math.abs((row?.p50 ?? 0) - 45.5)).toBeLessThan(45.5 * 0.06);
});

test("webhooks are counted once, whether matched, released or replayed", async () => {
  const { topology, send, rows } = stage;
  const seconds = Math.ceil(hourMs / 1_000);
  const of = (n: number) => sampleDelivery({ webhookId: `msg_${n}`, blockTimestamp: seconds + n * 60 });
  const count = `SELECT sum(webhooks) AS n FROM user_webhooks(${window})`;
  await send(...Array.from({ length: 70 }, (_, n) => toRecord(topology.deliveries, of(n))));
  await until(
    "the webhooks",
    () => rows<{ n: number }>(count),
    ([row]) => row?.n === 70,
  );
  // A batch's own delivery, and a test, are no webhooks of a log.
  await send(
    toRecord(topology.deliveries, {
      ...of(71),
      webhookId: "msg_batch",
      origin: "release",
      batch: ["msg_1", "msg_2"],
    }),
  );
  await send(toRecord(topology.deliveries, { ...of(72), webhookId: "msg_test", origin: "test" }));
  await send(
    ...Array.from({ length: 70 }, (_, n) =>
      toRecord(topology.deliveriesReplay, { ...of(n), origin: "replay" as const }),
    ),
    toRecord(topology.deliveriesReplay, { ...of(70), origin: "replay" }),
  );
  expect(
    await until(
      "the replay",
      () => rows<{ n: number }>(count),
      ([row]) => (row?.n ?? 0) > 70,
    ),
  ).toEqual([{ n: 71 }]);
});

test("an hour that is told to a new endpoint after its rows expired counts the old webhooks and the new ones", async () => {
  const { topology, send, rows, command } = stage;
  const longAgoSeconds = Math.floor(Date.now() / 3_600_000) * 3_600 - 40 * 86_400;
  const told = (endpointId: string, webhooks: number) =>
    send(
      ...Array.from({ length: webhooks }, (_, n) =>
        toRecord(
          topology.deliveries,
          sampleDelivery({
            webhookId: `msg_${endpointId}_${n}`,
            userId: "usr_retro",
            endpointId,
            blockTimestamp: longAgoSeconds + n,
            kind: n === 0 ? "removed" : "new",
          }),
        ),
      ),
    );
  const month = `user_id = 'usr_retro', since = ${longAgoSeconds - 86_400}, until = ${longAgoSeconds + 86_400}`;
  const asked = () =>
    rows<{ webhooks: number }>(
      `SELECT sum(webhooks) AS webhooks, sum(removals) AS removals FROM user_webhooks(${month})`,
    );
  const total = `SELECT webhooks, removals FROM webhook_statistics FINAL WHERE user_id = 'usr_retro' AND endpoint_id = ''`;
  const computed = async (expected: object): Promise<void> => {
    // As if they had come a minute ago.
    await command("TRUNCATE TABLE webhook_hours");
    await command(`INSERT INTO webhook_hours (user_id, hour, touched_at)
      SELECT DISTINCT user_id, toStartOfHour(block_time), now64(3) - INTERVAL 1 MINUTE FROM deliveries`);
    await command("SYSTEM REFRESH VIEW webhook_statistics_refresh");
    await until(
      "the user's total",
      () => rows(total),
      (found) => JSON.stringify(found) === JSON.stringify([expected]),
    );
  };
  await told("ep_old", 70);
  await until("the first webhooks", asked, ([found]) => found?.webhooks === 70);
  await computed({ webhooks: 70, removals: 1 });
  // As the retention does it.
  await command("ALTER TABLE deliveries DELETE WHERE user_id = 'usr_retro' SETTINGS mutations_sync = 1");
  await told("ep_new", 5);
  // Rows and their hour are written by two views, one after the other.
  const arrived = `SELECT 1 FROM deliveries WHERE user_id = 'usr_retro'
    AND toStartOfHour(block_time) IN (SELECT hour FROM open_webhook_hours WHERE user_id = 'usr_retro')`;
  await until(
    "the webhooks of the new endpoint, in an hour that is open",
    () => rows(arrived),
    (found) => found.length === 5,
  );
  expect(await asked()).toEqual([{ webhooks: 75, removals: 2 }]);
  await computed({ webhooks: 75, removals: 2 });
  expect(await asked()).toEqual([{ webhooks: 75, removals: 2 }]);
});

test("a log that a reorg took back no longer stands, its block coming back stands again", async () => {
  const { topology, send, rows } = stage;
  const at = { chainId: 1, blockNumber: 500, blockHash: hashOf(5), address: `0x${"5e".repeat(20)}` };
  const standing = `SELECT sequence FROM canonical_logs WHERE address = unhex('${"5e".repeat(20)}')`;
  const all = `SELECT 1 FROM logs FINAL WHERE address = unhex('${"5e".repeat(20)}')`;
  const logs = topology.logs.of(1);
  await send(toRecord(logs, sampleLog({ ...at, sequence: 500 })));
  await until(
    "the log",
    () => rows(standing),
    (found) => found.length === 1,
  );
  await send(toRecord(logs, sampleLog({ ...at, kind: "removed", sequence: 501, addedSequence: 500 })));
  await until(
    "its removal",
    () => rows(standing),
    (found) => found.length === 0,
  );
  await send(toRecord(logs, sampleLog({ ...at, sequence: 502 })));
  expect(
    await until(
      "its return",
      () => rows(standing),
      (found) => found.length > 0,
    ),
  ).toEqual([{ sequence: 502 }]);
  expect(await rows(all)).toHaveLength(3);
});

test("a log of a block that was taken back does not stand, also when its removal could not be told", async () => {
  const { topology, send, rows } = stage;
  const address = `0x${"b1".repeat(20)}`;
  const at = { chainId: 1, blockNumber: 600, blockHash: hashOf(6), address };
  const standing = `SELECT sequence FROM canonical_logs WHERE address = unhex('${"b1".repeat(20)}') ORDER BY sequence`;
  await send(
    toRecord(topology.logs.of(1), sampleLog({ ...at, sequence: 600 })),
    toRecord(topology.logs.of(1), sampleLog({ ...at, sequence: 602 })),
  );
  await until(
    "both logs",
    () => rows(standing),
    (found) => found.length === 2,
  );
  // The ledger says it; a `removed` log there is none.
  const removed = {
    number: 600,
    hash: hashOf(6),
    kind: "removed",
    sequence: 601,
    addedSequence: 600,
  } as const;
  await send(toRecord(topology.blocks, sampleBlock(removed)));
  expect(
    await until(
      "the removal",
      () => rows(standing),
      (found) => found.length < 2,
    ),
  ).toEqual([{ sequence: 602 }]);
});
