import type { Consumer } from "@ethhook/kit";
import { toRecord, type LagReport } from "@ethhook/topology";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startClickHouseStage, type ClickHouseStage } from "../support/clickhouse-stage.ts";
import { runCommand, startCommand } from "../support/command.ts";
import { addressOf, sampleBlock, sampleDelivery, sampleLog } from "../support/messages.ts";
import { until } from "../support/until.ts";

let stage: ClickHouseStage;
const consumers: Consumer[] = [];
beforeAll(async () => {
  stage = await startClickHouseStage();
});
afterAll(async () => {
  await Promise.all(consumers.map((consumer) => consumer.stop()));
  await stage?.stop();
});

const lag = (...args: readonly string[]) => runCommand("lag", args, { KAFKA_BROKERS: stage.broker });
async function report(...args: readonly string[]): Promise<LagReport> {
  const { code, stdout, stderr } = await lag("--json", ...args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout) as LagReport;
}
const groupOf = (found: LagReport, group: string) => found.groups.find((lagged) => lagged.group === group)!;

/** A member of a group that settles only what `settles` says. */
async function join(
  groupId: string,
  topics: readonly string[],
  settles: (offset: number) => boolean,
): Promise<void> {
  const consumer = stage.kafka.consumer({ groupId, topics, commitIntervalMs: 100 });
  consumers.push(consumer);
  await consumer.start({
    onBatch: (batch) => {
      for (const { offset } of batch.records) if (settles(offset)) batch.settle(offset);
    },
    onCrash: (error) => {
      throw error;
    },
  });
}

test("a group's lag is its open records and their age, and ClickHouse's groups come to 0", async () => {
  const { topology, send } = stage;
  const delivery = (n: number) => toRecord(topology.deliveries, sampleDelivery({ webhookId: `msg_${n}` }));
  await join("delivery", [topology.deliveries.name, topology.deliveriesReplay.name], (offset) => offset < 4);
  await send(...Array.from({ length: 10 }, (_, n) => delivery(n)));
  const found = await until(
    "the commit of four and ClickHouse's of all",
    () => report(),
    (now) => groupOf(now, "delivery").records === 6 && groupOf(now, "clickhouse.deliveries").records === 0,
  );
  const group = groupOf(found, "delivery");
  expect(group).toMatchObject({
    state: "Stable",
    members: 1,
    declared: true,
    eligibleRecords: 6,
    alarms: [],
  });
  expect(group.seconds).toBeGreaterThan(0);
  const open = group.topics.flatMap(({ partitions }) => partitions).filter(({ records }) => records > 0);
  expect(open).toHaveLength(1);
  expect(open[0]).toMatchObject({ topic: "deliveries", committed: 4, end: 10 });
  expect(open[0]?.member).toMatch(/^tests@127\.0\.0\.1#[0-9a-f]{4}$/);
});

test("a group that waits for finality lags on purpose, and only its eligible part counts", async () => {
  const { topology, send } = stage;
  const log = (blockNumber: number) =>
    toRecord(topology.logs.of(8453), sampleLog({ chainId: 8453, blockNumber, address: addressOf(1) }));
  const ledger = (change: Parameters<typeof sampleBlock>[0]) =>
    toRecord(topology.blocks, sampleBlock({ chainId: 8453, ...change }));
  for (const number of [1, 2, 3]) await send(log(number), ledger({ number, sequence: number }));
  await send(ledger({ kind: "finalized", number: 2, sequence: 4 }));
  await join("matcher.finalized", [topology.logs.of(8453).name], () => false);
  const group = groupOf(await report("--group", "matcher.finalized"), "matcher.finalized");
  expect(group).toMatchObject({ waitsFor: "finalized", records: 3, eligibleRecords: 2 });
});

test("the table names groups, topics and alarms; throw-away readers are hidden", async () => {
  await join("ethhook.reader.someone", [stage.topology.attempts.name], () => true);
  await join("kcat", [stage.topology.attempts.name], () => true);
  const { code, stdout } = await lag();
  expect(code).toBe(0);
  expect(stdout).toMatch(/^group +topic +partition/m);
  expect(stdout).toMatch(/clickhouse\.logs +logs\.base/);
  expect(stdout).toMatch(/kcat +attempts .*foreign/);
  expect(stdout).not.toContain("ethhook.reader.someone");
  expect(stdout).toContain("! matcher.latest: has no members");
  const all = await lag("--all", "--partitions", "--group", "ethhook.reader.someone");
  expect(all.stdout).toContain("tests@");
});

test("--fail-over exits 2 and names the group that is too far behind", async () => {
  const { code, stderr } = await lag("--fail-over", "5", "--group", "delivery");
  expect({ code, stderr }).toEqual({ code: 2, stderr: "delivery lags by 6 records; 5 are allowed\n" });
  expect((await lag("--fail-over", "6", "--group", "delivery")).code).toBe(0);
});

test("a group that is not there is refused with those that are: a wrong name is not a lag of 0", async () => {
  const { code, stderr } = await lag("--fail-over", "5", "--group", "delivrey");
  expect(code).toBe(1);
  expect(stderr).toContain("No group is called delivrey. There are matcher.latest,");
});

test("--watch tells again and again, with rates and the time to drain, until Ctrl-C", async () => {
  const { topology, send } = stage;
  const command = startCommand("lag", ["--watch", "--json", "--group", "delivery"], {
    KAFKA_BROKERS: stage.broker,
  });
  const reports = () =>
    command
      .output()
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line) as LagReport);
  await until("the first report", reports, (found) => found.length >= 1);
  await send(
    ...Array.from({ length: 20 }, (_, n) =>
      toRecord(topology.deliveries, sampleDelivery({ webhookId: `msg_${n}` })),
    ),
  );
  const [first, ...later] = await until("what was written since", reports, (found) =>
    found.some(({ groups }) => groups[0]?.records === 26),
  );
  expect(groupOf(first!, "delivery").records).toBe(6);
  const topics = later.flatMap(({ groups }) => groups[0]?.topics ?? []);
  expect(Math.max(...topics.map(({ producedPerSecond }) => producedPerSecond ?? 0))).toBeGreaterThan(0);
  expect(later.every(({ groups }) => groups[0]?.drainSeconds === null)).toBe(true);
  command.child.kill("SIGINT");
  expect((await command.done).code).toBe(0);
});

test("the same figures are served to Prometheus until SIGTERM", async () => {
  const command = startCommand("lag", ["--serve", "0"], { KAFKA_BROKERS: stage.broker });
  const url = await until(
    "the address",
    async () => /http:\/\/[\d.:]+\/metrics/.exec(command.output())?.[0],
    (found) => found !== undefined,
  );
  const wanted = 'ethhook_lag_records{group="delivery",topic="deliveries"';
  const text = await until(
    "the metrics",
    async () => (await fetch(url!)).text(),
    (body) => body.includes(wanted),
  );
  expect(text).toMatch(/ethhook_lag_group_members\{group="delivery"\} 1/);
  const { stdout } = await lag("--json", "--group", "delivery");
  const [shown] = groupOf(JSON.parse(stdout) as LagReport, "delivery").topics;
  for (const { partition, records, eligibleRecords, committed, end } of shown!.partitions) {
    const labels = `{group="delivery",topic="deliveries",partition="${partition}"}`;
    const values = {
      records,
      eligible_records: eligibleRecords,
      end_offset: end,
      committed_offset: committed,
    };
    // A partition that was never committed has no offset to show.
    const known = Object.entries(values).filter(([, value]) => value !== null);
    for (const [name, value] of known) expect(text).toContain(`ethhook_lag_${name}${labels} ${value}\n`);
    expect(text).toContain(`ethhook_lag_seconds${labels}`);
  }
  for (const name of ["retention_ratio", "lost_records"]) {
    expect(text).toContain(`ethhook_lag_${name}{group="delivery",topic="deliveries"}`);
  }
  expect(text).toContain('ethhook_lag_drain_seconds{group="clickhouse.deliveries"} 0\n');
  expect(text).toContain("ethhook_lag_scrape_timestamp_seconds");
  command.child.kill("SIGTERM");
  expect((await command.done).code).toBe(0);
});

test("a broker that does not answer is a sentence", async () => {
  const { code, stderr } = await runCommand("lag", [], { KAFKA_BROKERS: "127.0.0.1:1" });
  expect(code).toBe(1);
  expect(stderr).toContain("KAFKA_BROKERS");
  expect(stderr).not.toContain("    at ");
});
