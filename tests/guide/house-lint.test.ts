import { beforeAll, describe, expect, it } from "vitest";
import { createOverlay } from "./overlay.ts";

/** One planted fault: a file that breaks one rule, and the rule that must say so. */
interface Fault {
  readonly says: string;
  readonly path: string;
  readonly text: string;
  readonly rule: string;
}

const core = "services/matcher/src/core";
const lines = (count: number, line: string) => Array.from({ length: count }, () => line).join("\n");

const faults: readonly Fault[] = [
  {
    says: "only the kit imports kafkajs",
    path: "services/matcher/src/adapters/kafka-a.ts",
    text: `import { Kafka } from "kafkajs";\nexport const a = Kafka;`,
    rule: "no-restricted-imports",
  },
  {
    says: "scripts do not import kafkajs",
    path: "scripts/a.ts",
    text: `import { Kafka } from "kafkajs";\nexport const a = Kafka;`,
    rule: "no-restricted-imports",
  },
  {
    says: "tests do not import kafkajs outside of the bare loops",
    path: "tests/integration/a.test.ts",
    text: `import { Kafka } from "kafkajs";\nexport const a = Kafka;`,
    rule: "no-restricted-imports",
  },
  {
    says: "a workspace is imported by its name, not by a path into it",
    path: "tests/support/a.ts",
    text: `import { a } from "@ethhook/kit/src/config.ts";\nexport const b = a;`,
    rule: "no-restricted-imports",
  },
  {
    says: "core imports no client library",
    path: `${core}/client.ts`,
    text: `import { request } from "undici";\nexport const a = request;`,
    rule: "no-restricted-imports",
  },
  {
    says: "core does not import the kit",
    path: `${core}/kit.ts`,
    text: `import type { Batch } from "@ethhook/kit";\nexport type A = Batch;`,
    rule: "no-restricted-imports",
  },
  {
    says: "core does no file I/O",
    path: `${core}/files.ts`,
    text: `import { readFile } from "node:fs/promises";\nexport const a = readFile;`,
    rule: "no-restricted-imports",
  },
  {
    says: "core opens no socket",
    path: `${core}/sockets.ts`,
    text: `import { connect } from "node:net";\nexport const a = connect;`,
    rule: "no-restricted-imports",
  },
  {
    says: "core imports no adapter",
    path: `${core}/adapter.ts`,
    text: `import { a } from "../adapters/kafka-a.ts";\nexport const b = a;`,
    rule: "no-restricted-imports",
  },
  {
    says: "core imports no wiring",
    path: `${core}/wiring.ts`,
    text: `import { a } from "../service.ts";\nexport const b = a;`,
    rule: "no-restricted-imports",
  },
  {
    says: "core does not read the clock",
    path: `${core}/clock.ts`,
    text: `export const a = () => Date.now();`,
    rule: "no-restricted-properties",
  },
  {
    says: "core does not make a date of now",
    path: `${core}/date.ts`,
    text: `export const a = () => new Date();`,
    rule: "no-current-date",
  },
  {
    says: "core has no randomness",
    path: `${core}/random.ts`,
    text: `export const a = () => Math.random();`,
    rule: "no-restricted-properties",
  },
  {
    says: "core sets no timer",
    path: `${core}/timer.ts`,
    text: `export const a = () => setTimeout(() => undefined, 1);`,
    rule: "no-restricted-globals",
  },
  {
    says: "core writes to no console",
    path: `${core}/console.ts`,
    text: `export const a = () => console.log("a");`,
    rule: "no-restricted-globals",
  },
  {
    says: "a service reads the environment in main only",
    path: "services/matcher/src/adapters/env.ts",
    text: `export const a = process.env["A"];`,
    rule: "no-process-env",
  },
  {
    says: "main is short",
    path: "services/matcher/src/main.ts",
    text: lines(61, "// wiring"),
    rule: "max-lines",
  },
  {
    says: "a file has at most 400 lines",
    path: "topology/src/long.ts",
    text: lines(401, "// line"),
    rule: "max-lines",
  },
  {
    says: "a function has at most 70 lines of its own",
    path: "topology/src/function.ts",
    text: `export function a() {\n${lines(70, "  //")}\n}`,
    rule: "function-length",
  },
  {
    says: "there are no default exports",
    path: "topology/src/default.ts",
    text: `export default 1;`,
    rule: "no-default-export",
  },
  {
    says: "there are no barrels within a workspace",
    path: "topology/src/barrel.ts",
    text: `export * from "./function.ts";`,
    rule: "no-barrel",
  },
  {
    says: "files are named in kebab-case",
    path: "topology/src/camelCase.ts",
    text: `export const a = 1;`,
    rule: "filename-case",
  },
  {
    says: "imports make no circle",
    path: "topology/src/circle.ts",
    text: `import { b } from "./elcric.ts";\nexport const a = () => b;`,
    rule: "no-cycle",
  },
  {
    says: "no promise is left floating",
    path: "topology/src/floating.ts",
    text: `export const a = () => { Promise.resolve(1); };`,
    rule: "no-floating-promises",
  },
  {
    says: "a switch names every case",
    path: "topology/src/switch.ts",
    text: `export function a(b: "x" | "y") {\n  switch (b) {\n    case "x": return 1;\n  }\n  return 2;\n}`,
    rule: "switch-exhaustiveness-check",
  },
  {
    says: "there is no any",
    path: "topology/src/any.ts",
    text: `export const a = (b: any) => b;`,
    rule: "no-explicit-any",
  },
  {
    says: "there is no non-null assertion",
    path: "topology/src/non-null.ts",
    text: `export const a = (b: string | null) => b!.length;`,
    rule: "no-non-null-assertion",
  },
  {
    says: "a test does not sleep",
    path: "topology/src/sleep.test.ts",
    text: `import { setTimeout as sleep } from "node:timers/promises";\nexport const a = sleep;`,
    rule: "no-restricted-imports",
  },
  {
    says: "a test sets no timer",
    path: "topology/src/timer.test.ts",
    text: `export const a = () => setTimeout(() => undefined, 5);`,
    rule: "no-restricted-globals",
  },
  {
    says: "a test is not retried",
    path: "topology/src/retry.test.ts",
    text: `import { expect, it } from "vitest";\nit("a", { retry: 3 }, () => { expect(1).toBe(1); });`,
    rule: "no-test-retry",
  },
  {
    says: "a test mocks no library",
    path: "topology/src/mock.test.ts",
    text: `import { vi } from "vitest";\nvi.mock("undici");`,
    rule: "no-restricted-vi-methods",
  },
  {
    says: "no test is left focused",
    path: "topology/src/focused.test.ts",
    text: `import { expect, it } from "vitest";\nit.only("a", () => { expect(1).toBe(1); });`,
    rule: "no-focused-tests",
  },
];

/** The other half of the circle. */
const elcric = {
  path: "topology/src/elcric.ts",
  text: `import { a } from "./circle.ts";\nexport const b = () => a;`,
};

/** What the rules permit, and must go on to permit. */
const permitted: readonly Pick<Fault, "path" | "text">[] = [
  { path: "services/kit/src/kafka/a.ts", text: `import { Kafka } from "kafkajs";\nexport const a = Kafka;` },
  { path: "tests/bench/bare/a.ts", text: `import { Kafka } from "kafkajs";\nexport const a = Kafka;` },
  {
    path: `${core}/pure.ts`,
    text: `import { createHash } from "node:crypto";\nimport { isIP } from "node:net";\nexport const a = [createHash, isIP, (timeMs: number) => new Date(timeMs)];`,
  },
  { path: "services/api/src/main.ts", text: `export const a = process.env["A"];` },
  {
    path: "topology/src/factory.ts",
    text: `export function createA() {\n${Array.from({ length: 30 }, (_, index) => `  function f${index}() {\n    return ${index};\n  }`).join("\n")}\n  return [${Array.from({ length: 30 }, (_, index) => `f${index}`).join(", ")}];\n}`,
  },
];

interface Diagnostic {
  readonly code: string;
  readonly filename: string;
}

let diagnostics: readonly Diagnostic[] = [];

beforeAll(async () => {
  await using overlay = await createOverlay();
  for (const { path, text } of [...faults, elcric, ...permitted]) await overlay.plant(path, text);
  const { output } = await overlay.run("oxlint", ["--type-aware", "--format=json"]);
  diagnostics = (JSON.parse(output) as { diagnostics: Diagnostic[] }).diagnostics;
});

/** Rules that spoke about the file: `eslint(max-lines)` → `max-lines`. */
function rulesAbout(path: string): readonly string[] {
  return diagnostics
    .filter((one) => one.filename === path)
    .map((one) => one.code.replace(/.*\((.*)\)/, "$1"));
}

describe("the linter finds each planted fault", () => {
  it.each(faults)("$says", ({ path, rule }) => {
    expect(rulesAbout(path)).toContain(rule);
  });
});

it.each(permitted)("the linter permits $path", ({ path }) => {
  expect(rulesAbout(path)).toEqual([]);
});
