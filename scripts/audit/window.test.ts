import { builtInChains, createTopology } from "@ethhook/topology";
import type { Block } from "@ethhook/schemas";
import { expect, test } from "vitest";
import { parsePosition } from "../replay/position.ts";
import { createLedgerScript, createMemoryLedger, type LedgerScript } from "../testing/ledger.ts";
import { checkLedger } from "./ledger-check.ts";
import { checkWindow } from "./window-check.ts";
import { readWindow } from "./window.ts";

const topology = createTopology(builtInChains);
const base = builtInChains.find(({ name }) => name === "base")!;
const beganMs = 1_790_000_000_000;
const timeOf = ({ sequence }: Pick<Block, "sequence">): number => beganMs + sequence * 2_000;

/** Blocks 100 to 300; each makes one final that lies 64 below, and two of three heights were taken back once. */
function written(): LedgerScript {
  const script = createLedgerScript(base.id, 100);
  while ((script.tip?.number ?? 0) < 300) {
    const { number } = script.add();
    if (number % 3 > 0) script.remove();
    if (number % 3 > 0) script.add();
    if (number >= 164) script.finalize(number - 64);
  }
  return script;
}

/** The window as the audit reads it, with what is wrong about it. */
async function windowOf(from: string, to: string, records = written().records, nowMs?: number) {
  const atMs = nowMs ?? timeOf({ sequence: records.length });
  const ledger = await createMemoryLedger(topology, base, records, timeOf);
  const positions = [parsePosition(from, atMs), parsePosition(to, atMs)] as const;
  const read = await readWindow(base, ...positions, { topology, ...ledger });
  const blocks = [...read.window.records.values()];
  const problems = [...checkWindow(read, ...positions, atMs), ...checkLedger(read.ledger)];
  return { numbers: [...new Set(blocks.map(({ number }) => number))], blocks, problems, ledger: read.ledger };
}
const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, n) => first + n);

test("a stretch of blocks of a clean ledger has no hole, whatever became final or was taken back in between", async () => {
  const { numbers, problems, ledger } = await windowOf("block:200", "block:260");
  expect(problems).toEqual([]);
  expect(numbers).toEqual(range(200, 260));
  expect(ledger.some(({ kind }) => kind === "finalized")).toBe(true);
});

test("what a later reorg made of a block belongs to its window, the blocks above it do not", async () => {
  const script = createLedgerScript(base.id, 100);
  for (let n = 0; n < 10; n += 1) script.add();
  for (let n = 0; n < 6; n += 1) script.remove();
  for (let n = 0; n < 6; n += 1) script.add();
  const { blocks, problems } = await windowOf("block:103", "block:104", script.records);
  expect(problems).toEqual([]);
  expect(blocks.map(({ kind, number }) => `${kind} ${number}`)).toEqual([
    "added 103",
    "added 104",
    "removed 104",
    "added 104",
  ]);
});

test("nothing is read behind the record that makes the last block final", async () => {
  const records = [...written().records];
  const final = records.findIndex(({ kind, number }) => kind === "finalized" && number === 120);
  const spoilt = records.map((record, at) => (at > final ? { ...record, number: 110 } : record));
  expect((await windowOf("block:110", "block:120", spoilt)).numbers).toEqual(range(110, 120));
});

test("a record that is missing inside the window is a hole", async () => {
  const records = written().records.filter(({ kind, number }) => kind !== "added" || number !== 240);
  const { problems } = await windowOf("block:200", "block:260", records);
  expect(problems.map(({ code }) => code)).toContain("LEDGER_HOLE");
});

test("blocks that the ledger does not have are missing, each once, with the newest that it has", async () => {
  const { problems, numbers } = await windowOf("block:290", "block:310");
  expect(numbers).toEqual(range(290, 300));
  expect(problems).toEqual([
    {
      code: "BLOCK_MISSING",
      at: "block 310",
      detail: "the ledger of base does not have it; its newest is 300",
    },
  ]);
  expect((await windowOf("block:50", "block:50")).problems.map(({ at }) => at)).toEqual(["block 50"]);
  expect((await windowOf("block:50", "block:60", [])).problems.map(({ detail }) => detail)).toEqual([
    "the ledger of base does not have it; it has none at all",
    "the ledger of base does not have it; it has none at all",
  ]);
});

test("a window without a block is no proof", async () => {
  expect((await windowOf("2020-01-01", "2020-01-02")).problems).toEqual([
    { code: "WINDOW_EMPTY", at: "base", detail: "the ledger has no block of the window; its newest is 300" },
  ]);
  expect((await windowOf("begin", "end", [])).problems.map(({ code }) => code)).toEqual(["WINDOW_EMPTY"]);
});

test("a window that goes on after the ledger stopped is told, one that ended before is not", async () => {
  const { records } = written();
  const stoppedMs = timeOf({ sequence: records.length });
  const later = stoppedMs + 20 * 60_000;
  const stale = await windowOf("-1h", "end", records, later);
  expect(stale.problems).toMatchObject([{ code: "LEDGER_STALE", at: "after block 300" }]);
  expect(stale.problems[0]?.detail).toMatch(/^the window goes on for 120\d s without a block/);
  expect((await windowOf("-1h", "end", records, stoppedMs + 30_000)).problems).toEqual([]);
  expect((await windowOf("-1h", new Date(stoppedMs).toISOString(), records, later)).problems).toEqual([]);
});
