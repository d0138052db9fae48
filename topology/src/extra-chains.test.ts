import { expect, test } from "vitest";
import { builtInChains } from "./chains.ts";
import { chainsExtra } from "./extra-chains.ts";

const polygon = {
  id: 137,
  name: "polygon",
  blockTimeMs: 2_000,
  confirmedDepth: 128,
  finality: { kind: "tag" },
  ledgerPartition: 4,
};

const problems = (value: unknown) => {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  const result = chainsExtra.safeParse(text);
  return result.success ? [] : result.error.issues.map(({ message }) => message);
};

test("further chains are added to the built-in ones", () => {
  expect(chainsExtra.parse("[]")).toEqual(builtInChains);
  expect(chainsExtra.parse(JSON.stringify([polygon]))).toEqual([...builtInChains, polygon]);
});

test("a chain may not take the id, name or ledger partition of another, and each clash is named", () => {
  expect(problems([{ ...polygon, id: 1, name: "base", ledgerPartition: 2 }])).toEqual([
    "ethereum and base share id 1",
    "base and base share name base",
    "optimism and base share ledgerPartition 2",
  ]);
});

test("every wrong field is named with its chain, all at once", () => {
  const { ledgerPartition: _, ...without } = polygon;
  const found = problems([{ ...polygon, name: "Poly_gon" }, without]);
  expect(found).toHaveLength(2);
  expect(found[0]).toContain("chain 1, name");
  expect(found[1]).toContain("chain 2, ledgerPartition");
});

test("a chain cannot be called dlq, because logs.dlq is a topic of the pipeline", () => {
  expect(problems([{ ...polygon, name: "dlq" }])[0]).toContain("taken");
});

test("text that is not JSON is a sentence, not a stack trace", () => {
  expect(problems("polygon")[0]).toContain("not JSON");
});
