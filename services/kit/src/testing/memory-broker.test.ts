import { expect, test, vi } from "vitest";
import type { OutRecord } from "../kafka/types.ts";
import { createMemoryBroker } from "./memory-broker.ts";
import type { SendFault, TransactionFault } from "./memory-producers.ts";

const record = (value: string): OutRecord => ({ topic: "t", key: "k", value });
const values = (broker: ReturnType<typeof createMemoryBroker>) =>
  broker.records("t").map(({ value }) => String(value));

/** Each transaction meets the next fault of the list. */
function faulty(faults: (TransactionFault | undefined)[]) {
  return createMemoryBroker({ topics: { t: 1 }, faults: { onTransaction: () => faults.shift() } });
}

test.each([
  ["lost", []],
  ["open", []],
  ["aborted", []],
  ["committed", ["1"]],
] as const)(
  "a transaction that is %s looks unknown to its owner, and the tail tells",
  async (fault, seen) => {
    const broker = faulty([fault]);
    const producer = broker.transactionalProducer("id");
    await producer.start();
    await expect(producer.transact([record("1")])).rejects.toMatchObject({ code: "TRANSACTION_UNKNOWN" });
    await expect(producer.transact([record("2")])).rejects.toMatchObject({ code: "TRANSACTION_UNKNOWN" });
    const next = broker.transactionalProducer("id");
    await next.start();
    expect(
      (await broker.readTail({ topic: "t", partition: 0 }, 5)).map(({ value }) => String(value)),
    ).toEqual(seen);
    await next.transact([record("3")]);
    expect(values(broker)).toEqual([...seen, "3"]);
  },
);

test("nothing behind an open transaction is read until it is decided", async () => {
  const broker = faulty(["open"]);
  const hanging = broker.transactionalProducer("a");
  await hanging.start();
  await hanging.transact([record("1")]).catch(() => undefined);
  const other = broker.producer();
  await other.send([record("2")]);
  expect(values(broker)).toEqual([]);
  broker.expireTransactions();
  expect(values(broker)).toEqual(["2"]);
});

test("sends can be doubled, lost, or written without an answer", async () => {
  const faults: SendFault[] = ["duplicate", "lost", "unknown"];
  const broker = createMemoryBroker({ topics: { t: 1 }, faults: { onSend: () => faults.shift() } });
  const producer = broker.producer();
  await producer.send([record("1")]);
  await expect(producer.send([record("2")])).rejects.toMatchObject({ code: "BROKER_TIMEOUT" });
  await expect(producer.send([record("3")])).rejects.toMatchObject({ code: "BROKER_TIMEOUT" });
  await producer.send([record("4")]);
  expect(values(broker)).toEqual(["1", "1", "3", "4"]);
});

test("a killed process commits nothing more, its calls never return, and its partitions go to others", async () => {
  const broker = createMemoryBroker({ topics: { t: 2 } });
  const [first, second] = [broker.client(), broker.client()];
  const seen: Record<string, string[]> = { first: [], second: [] };
  const start = async (client: typeof first, name: string) => {
    const consumer = client.consumer({ groupId: "g", topics: ["t"], commitIntervalMs: 60_000 });
    await consumer.start({
      onBatch: (batch) => {
        seen[name]!.push(...batch.records.map(({ value }) => String(value)));
        batch.settleAll();
      },
      onCrash: (error) => expect.fail(error.message),
    });
    return consumer;
  };
  await start(first, "first");
  await first.producer().send([record("1")]);
  await vi.waitFor(() => expect(seen["first"]).toEqual(["1"]));
  first.kill();
  const survivor = await start(second, "second");
  // Settled, but never committed: read again.
  await vi.waitFor(() => expect(seen["second"]).toEqual(["1"]));
  expect(survivor.assigned()).toHaveLength(2);
  const after = first.producer().send([record("2")]);
  const outcome = await Promise.race([
    after.then(() => "returned"),
    second
      .producer()
      .send([record("3")])
      .then(() => "never"),
  ]);
  expect(outcome).toBe("never");
  expect(values(broker)).toEqual(["1", "3"]);
});

test("a process taken for dead goes on unknowing beside its successor, until it joins anew", async () => {
  const broker = createMemoryBroker({ topics: { t: 1 } });
  const [first, second] = [broker.client(), broker.client()];
  const events: string[] = [];
  const start = (client: typeof first, name: string) =>
    client.consumer({ groupId: "g", topics: ["t"] }).start({
      onBatch: (batch) => batch.settleAll(),
      onAssigned: (partitions) => void events.push(`${name} +${partitions.length}`),
      onRevoking: () => void events.push(`${name} revoked`),
      onCrash: (error) => expect.fail(error.message),
    });
  await start(first, "first");
  first.expire();
  await start(second, "second");
  expect(events).toEqual(["first +1", "second +1"]);
  await first.rejoin();
  expect(events.slice(2)).toEqual(expect.arrayContaining(["first revoked", "second revoked"]));
  expect(events.filter((event) => event.endsWith("+1"))).toHaveLength(3);
  expect(events.filter((event) => event.endsWith("+0"))).toHaveLength(1);
});

test("a topic that does not exist refuses", async () => {
  const broker = createMemoryBroker();
  await expect(broker.producer().send([record("1")])).rejects.toMatchObject({ code: "BROKER_REFUSED" });
});
