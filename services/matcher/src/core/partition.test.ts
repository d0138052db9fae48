import type { GateDecision } from "./finality-gate.ts";
import { beforeEach, describe, expect, test } from "vitest";
import { createBench, deliveries, log, turns, type Bench } from "../testing/partition-bench.ts";

let bench: Bench;
beforeEach(() => {
  bench = createBench();
});

describe("at least once", () => {
  test("an offset is settled when the broker has acknowledged its deliveries, and not before", async () => {
    bench.subscribe("ep_a", 1);
    bench.accept(log({}));
    await turns();
    expect(deliveries(bench)).toHaveLength(1);
    expect([...bench.settled]).toEqual([]);
    await bench.acknowledge();
    expect([...bench.settled]).toEqual([0]);
    await bench.partition.idle();
  });

  test("a log that no filter accepts is settled without being sent", async () => {
    bench.accept(log({}));
    await turns();
    expect([...bench.settled]).toEqual([0]);
  });

  test("a refused write crashes, and what it held is not settled", async () => {
    bench.subscribe("ep_a", 1);
    bench.accept(log({}));
    await bench.refuse(new Error("broker is gone"));
    expect(bench.crashes.map((error) => error.message)).toEqual(["broker is gone"]);
    expect([...bench.settled]).toEqual([]);
  });

  test("the same log gives the same ids and the same bytes", async () => {
    const other = createBench();
    for (const one of [bench, other]) {
      one.subscribe("ep_a", 1);
      one.accept(log({}));
    }
    await turns();
    const [first, second] = [deliveries(bench)[0], deliveries(other)[0]];
    expect(first?.webhookId).toMatch(/^msg_[0-9a-f]{32}$/);
    expect(second).toEqual(first);
  });

  test("a log that goes to very many endpoints is written piece by piece, as the broker takes them, and settled at the end", async () => {
    for (let endpoint = 1; endpoint <= 4_000; endpoint += 1) bench.subscribe(`ep_${endpoint}`, endpoint);
    bench.accept(log({ data: `0x${"ab".repeat(1_000)}` }));
    await turns();
    const atFirst = deliveries(bench).length;
    expect(atFirst).toBeLessThan(3_000);
    expect([...bench.settled]).toEqual([]);
    while (bench.settled.size === 0) await bench.acknowledge();
    expect(new Set(deliveries(bench).map((one) => one.endpointId)).size).toBe(4_000);
    expect(deliveries(bench)).toHaveLength(4_000);
    expect([...bench.settled]).toEqual([0]);
  });

  test("records of a lost partition are dropped", async () => {
    bench.subscribe("ep_a", 1);
    bench.lose();
    bench.accept(log({}));
    await bench.partition.idle();
    expect(bench.sent).toEqual([]);
  });
});

describe("versions", () => {
  test("a version is recorded before it is used, once for all logs of its first sequence", async () => {
    bench.subscribe("ep_a", 1);
    bench.accept(log({ sequence: 4 }), log({ sequence: 4, logIndex: 1 }), log({ sequence: 5 }));
    expect(bench.recorded).toEqual([{ fromSequence: 4, version: 1 }]);
    expect(bench.sent).toEqual([]);
    await bench.acknowledge();
    expect(bench.recorded).toHaveLength(1);
    expect(deliveries(bench).map((one) => one.filterVersion)).toEqual([1, 1, 1]);
  });

  test("a log sees no filter that was created after it entered the topic", async () => {
    bench.subscribe("ep_a", 1);
    bench.set.apply({
      version: 2,
      endpointId: "ep_b",
      applicationId: "app",
      userId: "usr",
      subscription: { filter: {}, finality: "latest", format: "standard", sendRemoved: true },
      createdAtMs: 10_001,
    });
    bench.accept(log({}));
    await turns();
    expect(deliveries(bench).map((one) => one.endpointId)).toEqual(["ep_a"]);
  });

  test("a record that another owner may have matched sees only versions that are a second older", async () => {
    const taken = createBench({ known: [{ fromSequence: 1, version: 0 }], assignedAtMs: 10_500 });
    taken.subscribe("ep_a", 9_500);
    taken.accept(log({ sequence: 2 }), log({ sequence: 3 }));
    await turns();
    expect(taken.recorded).toEqual([]);
  });

  test("when another process has taken the partition over, nothing is sent", async () => {
    const lost = createBench({ owned: false });
    lost.subscribe("ep_a", 1);
    lost.accept(log({}));
    await turns();
    expect(lost.standstills.map((one) => one.reason)).toEqual(["taken-over"]);
    expect(lost.sent).toEqual([]);
  });

  test("a removal goes to those who were told, though the filter is gone, and not to those who came later", async () => {
    bench.subscribe("ep_a", 1);
    bench.subscribe("ep_quiet", 2, "latest", false);
    bench.accept(log({ sequence: 4 }));
    await bench.acknowledge();
    bench.set.apply({
      version: 3,
      endpointId: "ep_a",
      applicationId: "app",
      userId: "usr",
      subscription: null,
      createdAtMs: 3,
    });
    bench.subscribe("ep_late", 4);
    bench.accept(
      log({ sequence: 5, blockNumber: 4 }),
      log({ kind: "removed", sequence: 6, addedSequence: 4, blockNumber: 4 }),
    );
    await bench.acknowledge();
    const told = deliveries(bench).map((one) => `${one.kind} ${one.sequence} ${one.endpointId}`);
    expect(told).toEqual([
      "new 4 ep_a",
      "new 4 ep_quiet",
      "new 5 ep_quiet",
      "new 5 ep_late",
      "removed 6 ep_a",
    ]);
  });
});

describe("a finality that waits", () => {
  const known = [{ fromSequence: 1, version: 1 }];

  test("holds the first log that is not final: what is before is delivered first, what is behind comes again", async () => {
    const held = createBench({ known, ledger: new Map([[5, "wait"]]) });
    held.subscribe("ep_a", 1, "finalized");
    held.accept(log({ sequence: 4 }), log({ sequence: 5 }), log({ sequence: 6 }));
    await turns();
    expect(deliveries(held).map((one) => one.sequence)).toEqual([4]);
    expect(held.holds).toEqual(["pause"]);
    await held.acknowledge();
    expect(held.holds).toEqual(["pause", "seek 1"]);
    expect([...held.settled]).toEqual([0]);
    await held.partition.idle();
  });

  test("says behind which sequence it waits, and that it waits for nothing", async () => {
    const decisions = new Map<number, GateDecision>([[5, "wait"]]);
    const held = createBench({ known, ledger: decisions });
    expect(held.partition.waitsAfter()).toBeNull();
    held.subscribe("ep_a", 1, "finalized");
    held.accept(log({ sequence: 2 }), log({ sequence: 5 }));
    await held.acknowledge();
    expect(held.partition.waitsAfter()).toBe(4);
    decisions.clear();
    held.accept(log({ sequence: 5 }));
    await held.acknowledge();
    expect(held.partition.waitsAfter()).toBeNull();
  });

  test("takes no log between the pause and the seek, and the next fetch after it", async () => {
    const decisions = new Map<number, GateDecision>([[5, "wait"]]);
    const held = createBench({ known, ledger: decisions });
    held.subscribe("ep_a", 1, "finalized");
    held.accept(log({ sequence: 4 }), log({ sequence: 5 }));
    held.accept(log({ sequence: 6 }));
    await held.acknowledge();
    decisions.clear();
    held.accept(log({ sequence: 5 }), log({ sequence: 6 }));
    await held.acknowledge();
    expect(deliveries(held).map((one) => one.sequence)).toEqual([4, 5, 6]);
  });

  test("never delivers what a reorg took back first, nor its removal", async () => {
    const held = createBench({ known, ledger: new Map([[5, "drop"]]) });
    held.subscribe("ep_a", 1, "finalized");
    held.accept(
      log({ sequence: 4 }),
      log({ sequence: 5 }),
      log({ kind: "removed", sequence: 6, addedSequence: 5 }),
      log({ sequence: 7 }),
    );
    await held.acknowledge();
    expect(deliveries(held).map((one) => `${one.kind} ${one.sequence}`)).toEqual(["new 4", "new 7"]);
    expect([...held.settled]).toEqual([0, 1, 2, 3]);
  });

  test("reads the ledger back for an older block, and waits when the ledger does not have it", async () => {
    const held = createBench({ known, ledger: new Map([[5, "older"]]) });
    held.subscribe("ep_a", 1, "finalized");
    held.accept(log({ sequence: 5 }));
    await held.acknowledge();
    expect(held.holds).toEqual(["reach back to 5", "pause", "seek 0"]);
  });

  test("reads nothing while no filter wants it, as far as matcher.latest is, and begins where that began with the filter", async () => {
    const idle = createBench({ known, ledger: new Map([[4, "wait"]]) });
    idle.subscribe("ep_latest", 1);
    idle.lead.passed = 2;
    idle.accept(log({ sequence: 4 }), "{not json", log({ sequence: 5 }));
    await turns();
    expect([...idle.settled]).toEqual([0, 1]);
    expect(idle.holds).toEqual(["pause", "follow to 2 unread"]);
    idle.subscribe("ep_a", 2, "finalized");
    idle.lead.record({ fromSequence: 6, version: 2 });
    idle.lead.passed = 100;
    idle.accept(log({ sequence: 5 }), log({ sequence: 6 }));
    await idle.acknowledge();
    expect(deliveries(idle).map((one) => one.sequence)).toEqual([6]);
  });

  test("reads what follows the lead's place when some filter may want it", async () => {
    const wanted = createBench({ known, ledger: new Map() });
    wanted.subscribe("ep_a", 1, "finalized");
    wanted.lead.passed = 1;
    wanted.accept(log({ sequence: 4 }), log({ sequence: 5 }));
    await wanted.acknowledge();
    expect(wanted.holds).toEqual(["pause", "follow to 1"]);
  });

  test("an endpoint that changes its finality is told of each log by one group: the old one up to the epoch, the new one from it", async () => {
    const epochs = [
      { fromSequence: 1, version: 1 },
      { fromSequence: 5, version: 2 },
      { fromSequence: 7, version: 3 },
    ];
    const logs = [3, 4, 5, 6, 7, 8].map((sequence) => log({ sequence }));
    const removals = [4, 5, 7].map((addedSequence, at) =>
      log({ kind: "removed", sequence: 9 + at, addedSequence, blockNumber: addedSequence }),
    );
    const toldBy = async (group: Bench): Promise<string[]> => {
      group.subscribe("ep_a", 1);
      group.subscribe("ep_a", 2, "finalized");
      group.subscribe("ep_a", 3);
      group.accept(...logs, ...removals);
      await group.acknowledge();
      return deliveries(group).map((one) => `${one.kind} ${one.addedSequence}`);
    };
    // Both know of every change before the first of these logs: what counts is what matcher.latest recorded.
    const latest = await toldBy(createBench({ known: epochs }));
    const finalized = await toldBy(createBench({ known: epochs, ledger: new Map() }));
    expect(latest).toEqual(["new 3", "new 4", "new 7", "new 8", "removed 4", "removed 7"]);
    expect(finalized).toEqual(["new 5", "new 6", "removed 5"]);
  });
});

describe("records that cannot be read", () => {
  test("a poison record goes to the dead letters as it was, and the partition goes on", async () => {
    bench.subscribe("ep_a", 1);
    bench.accept(log({}), "{not json", log({ logIndex: 1 }));
    await bench.acknowledge();
    expect(bench.sent.map((record) => record.topic)).toEqual(["deliveries", "logs.dlq", "deliveries"]);
    expect(String(bench.sent[1]?.value)).toBe("{not json");
    expect([...bench.settled]).toEqual([0, 1, 2]);
    expect(bench.counts.reduce((sum, one) => sum + one.poison, 0)).toBe(1);
  });

  test("a batch that no codec can read goes to the dead letters with the reason, and the partition goes on", async () => {
    bench.subscribe("ep_a", 1);
    bench.acceptUnreadable("a batch that cannot be read: no codec has the number 7");
    bench.accept(log({}));
    await bench.acknowledge();
    expect(bench.sent.map((record) => record.topic)).toEqual(["logs.dlq", "deliveries"]);
    expect(bench.sent[0]?.headers?.["reason"]).toContain("no codec has the number 7");
    expect([...bench.settled]).toEqual([0, 1]);
  });

  test("a newer version stops the partition at that record, and says so", async () => {
    bench.accept(log({}), JSON.stringify({ ...log({}), v: 2 }), log({ logIndex: 1 }));
    await turns();
    expect(bench.standstills).toEqual([
      { reason: "newer", offset: 1, detail: expect.stringContaining("upgrade") },
    ]);
    expect([...bench.settled]).toEqual([0]);
    await bench.partition.idle();
  });

  test("when nearly everything is unreadable the partition stops instead of dead-lettering it all", async () => {
    bench.accept(...Array.from({ length: 500 }, () => "?"));
    await bench.acknowledge();
    expect(bench.standstills.map((one) => one.reason)).toEqual(["poison"]);
    expect(bench.sent.length).toBeLessThan(60);
  });
});
