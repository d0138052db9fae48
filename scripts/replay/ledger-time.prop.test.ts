import { fc, test } from "@fast-check/vitest";
import { builtInChains, createTopology } from "@ethhook/topology";
import { expect } from "vitest";
import { createLedgerScript, createMemoryLedger, type LedgerScript } from "../testing/ledger.ts";
import { timeBeforeBlock } from "./ledger-time.ts";

const topology = createTopology(builtInChains);
const ethereum = builtInChains[0]!;
const at = { topic: topology.blocks.name, partition: ethereum.ledgerPartition };
const firstNumber = 1_000;
const reorgMax = 12;

const steps = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ kind: fc.constant("add"), count: fc.integer({ min: 1, max: 12 }) }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constant("reorg"), count: fc.integer({ min: 1, max: reorgMax }) }),
    },
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant("finalize"), count: fc.integer({ min: 13, max: 64 }) }),
    },
  ),
  { minLength: 20, maxLength: 60 },
);
type Step = typeof steps extends fc.Arbitrary<(infer T)[]> ? T : never;

/** A ledger as an Ethereum one is: what becomes final lies up to 64 blocks below its head, and no reorg goes below that. */
function written(of: readonly Step[]): LedgerScript {
  const script = createLedgerScript(ethereum.id, firstNumber);
  script.add();
  let [final, highest] = [firstNumber, firstNumber];
  const height = (): number => script.tip?.number ?? firstNumber;
  for (const { kind, count } of of) {
    // A reorg is as deep as it looks from the highest block that ever stood.
    for (let n = 0; n < count && kind === "reorg"; n += 1)
      if (height() > Math.max(final, highest - reorgMax)) script.remove();
    for (let n = 0; n < count && kind === "add"; n += 1) script.add();
    highest = Math.max(highest, height());
    const next = height() - count;
    if (kind === "finalize" && next > final) script.finalize((final = next));
  }
  return script;
}

test.prop([steps])(
  "from a block on means from the record before the ledger first reached it, whatever became final or was taken back",
  async (of) => {
    const { records, tip } = written(of);
    const timeOf = ({ sequence }: { readonly sequence: number }): number => sequence * 1_000;
    const { reader } = await createMemoryLedger(topology, ethereum, records, timeOf);
    const numbers = Array.from({ length: (tip?.number ?? 0) - firstNumber + 3 }, (_, n) => firstNumber + n);
    const found = await Promise.all(
      numbers.map((number) => timeBeforeBlock(number, at, { topology, reader }, reorgMax)),
    );
    const wanted = numbers.map((number) => {
      const first = records.findIndex((record) => record.kind === "added" && record.number >= number);
      const before = first === -1 ? records.at(-1) : records[first - 1];
      return before === undefined ? null : timeOf(before);
    });
    expect(found).toEqual(wanted);
  },
);
