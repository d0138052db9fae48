import type { Delivery, Log } from "@ethhook/schemas";
import { logPartitions } from "@ethhook/topology";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { createMatcherWorld, topology, type MatcherWorld } from "../support/matcher-world.ts";
import { addressOf, sampleLog } from "../support/messages.ts";
import { atPace } from "../support/pace.ts";
import { startServiceProcess, type ServiceProcess } from "../support/service-process.ts";
import { partitionOf } from "@ethhook/kit";
import { until } from "../support/until.ts";

const contracts = 48;
const blockEveryMs = 50;
const totalPartitions = topology.logs.all.length * logPartitions;

let world: MatcherWorld;
const processes = new Set<ServiceProcess>();

beforeAll(async () => {
  world = await createMatcherWorld();
  await world.subscribe("ep_all", { filter: {} });
});

afterEach(async () => {
  await Promise.all([...processes].map((one) => one.stop()));
  processes.clear();
});

afterAll(async () => {
  await world?.stop();
});

async function start(): Promise<ServiceProcess> {
  const started = await startServiceProcess("matcher", {
    ...world.env,
    LOG_LEVEL: "info",
    MATCHER_GROUPS: "latest",
  });
  processes.add(started);
  return started;
}

/** Partitions that a process owns now, from its own metrics. */
async function assignedTo({ url }: ServiceProcess): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^ethhook_kafka_partitions_assigned\{[^}]*\} (\d+)$/m.exec(text)?.[1] ?? 0);
}

async function share(of: readonly ServiceProcess[], each: number): Promise<number[]> {
  return until(
    "the partitions of each process",
    () => Promise.all(of.map(assignedTo)),
    (all) => all.every((one) => one === each),
    40_000,
  );
}

/** One log of every contract under each sequence, block after block, until it is stopped. */
function startLoad(firstSequence: number) {
  const published: Log[] = [];
  let sequence = firstSequence;
  let stopped = false;
  const publishBlock = async (): Promise<void> => {
    const at = { sequence, blockNumber: sequence };
    sequence += 1;
    const logs = Array.from({ length: contracts }, (_, logIndex) =>
      sampleLog({ ...at, logIndex, address: addressOf(logIndex) }),
    );
    await world.publish(logs);
    published.push(...logs);
  };
  const running = (async () => {
    while (!stopped) await atPace(blockEveryMs, 10, publishBlock);
  })();
  return {
    published,
    stop: () => {
      stopped = true;
      return running;
    },
  };
}

/** Sequences of each contract in the order of their first delivery. */
function firstDeliveries(deliveries: readonly Delivery[]): Map<string, number[]> {
  const seen = new Set<string>();
  const byContract = new Map<string, number[]>();
  for (const { webhookId, contract, sequence } of deliveries) {
    if (seen.has(webhookId)) continue;
    seen.add(webhookId);
    byContract.set(contract, [...(byContract.get(contract) ?? []), sequence]);
  }
  return byContract;
}

test("matchers come, are killed and leave under load: nothing is lost, each contract keeps its order, the work is spread", async () => {
  const first = await start();
  const load = startLoad(1);
  await until(
    "deliveries of the first",
    () => world.deliveries(),
    (all) => all.length > 0,
  );
  const others = await Promise.all([start(), start(), start()]);
  const [killed, leaving, staying] = others as [ServiceProcess, ServiceProcess, ServiceProcess];
  expect(await share([first, ...others], totalPartitions / 4)).toEqual([12, 12, 12, 12]);
  killed.signal("SIGKILL");
  expect(await killed.exited).toBe("SIGKILL");
  expect(await leaving.stop()).toBe(0);
  expect(await share([first, staying], totalPartitions / 2)).toEqual([24, 24]);
  await load.stop();
  const expected = load.published.length;
  const deliveries = await until(
    "every log delivered",
    () => world.deliveries(),
    (all) => new Set(all.map((one) => one.webhookId)).size >= expected,
    30_000,
  );
  const byContract = firstDeliveries(deliveries);
  expect(byContract.size).toBe(contracts);
  const sequences = load.published.filter((log) => log.address === addressOf(0)).map((log) => log.sequence);
  for (const found of byContract.values()) expect(found).toEqual(sequences);
});

test("a contract with most of a chain's logs does not hold up the others", async () => {
  const known = new Set((await world.deliveries()).map((one) => one.webhookId));
  const contract = addressOf(1_000);
  const isElsewhere = (address: string): boolean =>
    partitionOf(address, logPartitions) !== partitionOf(contract, logPartitions);
  const others = Array.from({ length: 500 }, (_, at) => addressOf(2_000 + at)).filter(isElsewhere);
  const at = { sequence: 100_000, blockNumber: 100_000 };
  const hot = Array.from({ length: 14_000 }, (_, logIndex) =>
    sampleLog({ ...at, logIndex, address: contract }),
  );
  const rest = Array.from({ length: 6_000 }, (_, index) =>
    sampleLog({ ...at, logIndex: 14_000 + index, address: others[index % others.length] ?? "" }),
  );
  await world.publish([...hot, ...rest]);
  await start();
  const all = await until(
    "every log delivered",
    () => world.deliveries(),
    (found) => found.length >= known.size + 20_000,
    40_000,
  );
  const fresh = all.filter((one) => !known.has(one.webhookId));
  const matchedAt = (isHot: boolean): number[] =>
    fresh
      .filter((one) => (one.contract === contract) === isHot)
      .map((one) => one.matchedAtMs)
      .toSorted((a, b) => a - b);
  const [hotTimes, otherTimes] = [matchedAt(true), matchedAt(false)];
  expect(hotTimes).toHaveLength(14_000);
  expect(otherTimes).toHaveLength(6_000);
  // Nine of ten others are done before most of the hot ones.
  expect(otherTimes[5_400]!).toBeLessThan(hotTimes[10_000]!);
});
