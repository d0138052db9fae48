import { builtInChains, createTopology, eligibleUntilMs } from "@ethhook/topology";
import type { Block } from "@ethhook/schemas";
import { expect, test } from "vitest";
import { createLedgerScript, createMemoryLedger, type LedgerScript } from "../testing/ledger.ts";
import { createLedgerTails } from "./ledger-tail.ts";

const topology = createTopology(builtInChains);
const ethereum = builtInChains[0]!;
const beganMs = 1_790_000_000_000;
const hourMs = 3_600_000;
/** A record every minute. */
const timeOf = ({ sequence }: Pick<Block, "sequence">): number => beganMs + sequence * 60_000;

async function stage({ records }: LedgerScript) {
  const ledger = await createMemoryLedger(topology, ethereum, records, timeOf);
  const open = () => createLedgerTails(topology, ledger.admin, ledger.reader);
  const lastMs = timeOf(records.at(-1)!);
  return { ...ledger, open, lastMs };
}
/** When the record was written up to which everything is final. */
const eligible = async (tails: ReturnType<typeof createLedgerTails>, nowMs: number) => {
  const tail = await tails.read(ethereum, nowMs);
  return { size: tail.length, untilMs: eligibleUntilMs(tail, ethereum, "finalized") };
};

/** A hundred blocks from 1 on; block 40, the 40th record, is final. */
function finalAt40(): LedgerScript {
  const script = createLedgerScript(ethereum.id, 1);
  for (let n = 0; n < 100; n += 1) script.add();
  script.finalize(40);
  return script;
}

test("what became final is known also when nothing was written to the ledger for hours or days", async () => {
  const { open, lastMs } = await stage(finalAt40());
  const untilMs = timeOf({ sequence: 40 });
  for (const quietMs of [0, 3 * hourMs, 5 * 24 * hourMs])
    expect((await eligible(open(), lastMs + quietMs)).untilMs).toBe(untilMs);
});

test("what became final is known also when blocks went on for hours without finality", async () => {
  const script = finalAt40();
  const at = await stage(script);
  const running = at.open();
  await eligible(running, at.lastMs);
  const known = script.records.length;
  for (let n = 0; n < 300; n += 1) script.add();
  await at.append(script.records.slice(known));
  const nowMs = timeOf(script.records.at(-1)!);
  // A process that ran all the time holds the same as one that begins now.
  for (const tails of [running, at.open()]) {
    expect((await eligible(tails, nowMs)).untilMs).toBe(timeOf({ sequence: 40 }));
  }
});

test("when finality goes on, what lies behind it is forgotten", async () => {
  const script = finalAt40();
  for (let n = 0; n < 300; n += 1) script.add();
  const at = await stage(script);
  const tails = at.open();
  await eligible(tails, timeOf(script.records.at(-1)!));
  const known = script.records.length;
  for (let n = 0; n < 100; n += 1) {
    script.add();
    script.finalize(script.tip!.number - 2);
  }
  await at.append(script.records.slice(known));
  // The newest two blocks wait, each followed by what it made final; before them stands the newest that is eligible.
  const newest = script.records.at(-5)!;
  const found = await eligible(tails, timeOf(script.records.at(-1)!));
  expect(found).toEqual({ size: 122, untilMs: timeOf(newest) });
});

test("of a chain without finality for very long, a bounded part is held, and what is final is still known", async () => {
  for (const final of [38, 39, 40, 41]) {
    const script = createLedgerScript(ethereum.id, 1);
    for (let n = 0; n < 42; n += 1) script.add();
    script.finalize(final);
    for (let n = 0; n < 1_000; n += 1) script.add();
    const { admin, reader } = await stage(script);
    const found = await eligible(
      createLedgerTails(topology, admin, reader, 64),
      timeOf(script.records.at(-1)!),
    );
    expect(found.size).toBeLessThanOrEqual(64);
    expect(found.untilMs).toBe(timeOf({ sequence: final }));
  }
});

test("of a ledger in which nothing is final yet, nothing is eligible", async () => {
  const script = createLedgerScript(ethereum.id, 1);
  for (let n = 0; n < 300; n += 1) script.add();
  const { open, lastMs } = await stage(script);
  expect(await eligible(open(), lastMs)).toEqual({ size: 300, untilMs: null });
});
