import { afterAll, beforeAll, expect, test } from "vitest";
import { keepLedger, numbersIn, writeSteadily } from "../support/cluster-loads.ts";
import { type ClusterBench, range, startClusterBench } from "../support/kafka-bench.ts";
import { standStill } from "../support/marked-processes.ts";
import { until } from "../support/until.ts";

const partitions = 6;
const logPartitions = 3;

/** What was written while each of three brokers was killed and came back, and one stood still, and who read it. */
interface Story {
  readonly topic: string;
  readonly rounds: number;
  readonly ledger: string;
  readonly logs: string;
  readonly transactions: number;
  readonly crashes: readonly Error[];
  /** `<topic>:<partition>:<value>` of everything that the group was given, in the order in which it was. */
  readonly read: readonly string[];
}

let bench: ClusterBench;
let story: Story;
beforeAll(async () => {
  bench = await startClusterBench();
  story = await loseEachInTurn();
}, 180_000);
afterAll(async () => {
  await bench?.afterEach();
  await bench?.stop();
});

async function loseEachInTurn(): Promise<Story> {
  const [topic, ledger, logs] = [
    await bench.newTopic(partitions),
    await bench.newTopic(1),
    await bench.newTopic(logPartitions),
  ];
  const read: string[] = [];
  const seen = new Map<string, number>();
  // A session that outlasts any failover, also on a machine that is busy: a repetition is then no accident.
  const group = { groupId: topic, topics: [topic, ledger, logs], sessionTimeoutMs: 60_000 };
  const member = () =>
    bench.member(group, (batch) => {
      const at = `${batch.topic}:${batch.partition}`;
      for (const { value } of batch.records) read.push(`${at}:${Number(value)}`);
      seen.set(at, Number(batch.records.at(-1)?.value));
      batch.settleAll();
    });
  const writing = await writeSteadily(bench.kafka, topic, partitions);
  const keeping = keepLedger(bench.kafka, { ledger, logs, logPartitions });
  const members = await Promise.all([member(), member()]);
  const all = partitions + 1 + logPartitions;
  const progress = (): number[] => [
    writing.done(),
    keeping.done(),
    ...(seen.size === all ? seen.values() : [-1]),
  ];
  const goesOn = async (what: string): Promise<void> => {
    const before = progress();
    const isFurther = (now: readonly number[]) => now.every((done, at) => done > (before[at] ?? 0) + 3);
    await until(`everything goes on ${what}`, progress, isFurther, 60_000);
  };
  await goesOn("at first");
  for (const id of bench.cluster.ids) {
    await bench.cluster.kill(id);
    await goesOn(`without broker ${id}`);
    await bench.cluster.restart(id);
    await goesOn(`with broker ${id} again`);
  }
  // Its connections stand, and nothing is answered: as with a host that lost its power.
  const frozen = bench.cluster.pidOf(1);
  await standStill(frozen);
  bench.cleanup(async () => void process.kill(frozen, "SIGCONT"));
  await goesOn("while broker 1 stands still");
  process.kill(frozen, "SIGCONT");
  await goesOn("when broker 1 moves again");
  const [rounds, transactions] = [await writing.stop(), await keeping.stop()];
  return { topic, rounds, ledger, logs, transactions, crashes: members.flatMap((one) => one.crashes), read };
}

test("what the idempotent producer sent is in each partition once, and in the order of the calls", async () => {
  const { topic, rounds } = story;
  expect(await numbersIn(bench.kafka, topic, partitions)).toEqual(Array(partitions).fill(range(0, rounds)));
});

test("each transaction is there whole or not at all, and the ledger's numbers have no gap and no repetition", async () => {
  const { ledger, logs, transactions } = story;
  const whole = range(0, transactions);
  expect(await numbersIn(bench.kafka, ledger, 1)).toEqual([whole]);
  expect(await numbersIn(bench.kafka, logs, logPartitions)).toEqual(Array(logPartitions).fill(whole));
});

test("a group reads everything, in order, and its commits stand", async () => {
  const { topic, ledger, logs, rounds, transactions, read, crashes } = story;
  const total = rounds * partitions + transactions * (1 + logPartitions);
  await until(
    "all is read",
    () => new Set(read).size,
    (count) => count >= total,
  );
  expect(crashes).toEqual([]);
  for (const partition of range(0, partitions)) {
    const mine = read.filter((one) => one.startsWith(`${topic}:${partition}:`));
    expect([...new Set(mine)]).toEqual(range(0, rounds).map((n) => `${topic}:${partition}:${n}`));
  }
  for (const name of [topic, ledger, logs])
    await until(
      `no lag in ${name}`,
      () => bench.lag(topic, name),
      (lag) => lag === 0,
    );
});

test("a broker that dies is no reason for a rebalance: nothing is read twice", () => {
  expect(story.read).toHaveLength(new Set(story.read).size);
});
