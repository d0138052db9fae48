import { afterEach, expect, test } from "vitest";
import { lastJson, startNpm, type NpmProcess } from "../support/npm-process.ts";

const running: NpmProcess[] = [];
afterEach(async () => {
  for (const one of running.splice(0)) await one.cleanUp();
});

function demo(...args: readonly string[]): NpmProcess {
  const started = startNpm(["run", "demo:scale", "--", ...args]);
  running.push(started);
  return started;
}

interface Result {
  readonly ok: boolean;
  readonly checks: readonly { readonly what: string; readonly ok: boolean }[];
  readonly ledger: Readonly<Record<"lost" | "unknown" | "duplicates" | "changed" | "reordered", number>>;
  readonly load: { readonly logs: number; readonly webhooks: number };
  readonly spreads: readonly Record<
    "matcher" | "delivery",
    readonly { readonly partitions: readonly number[] }[]
  >[];
}

test("one process of each falls behind, two catch up, one is killed, and nothing is lost", async () => {
  const { done, said, left } = demo("--processes", "2", "--seconds", "1", "--json");
  expect(await done, said.stderr).toBe(0);
  const { ok, checks, ledger, load, spreads } = lastJson<Result>(said.stdout);
  expect({ ok, failed: checks.filter((check) => !check.ok) }).toEqual({ ok: true, failed: [] });
  expect(ledger).toMatchObject({ lost: 0, unknown: 0, changed: 0, reordered: 0 });
  expect(load.webhooks).toBeGreaterThan(100);
  const sizes = (service: "matcher" | "delivery") =>
    spreads.map((spread) => spread[service].map(({ partitions }) => partitions.length));
  const even = [[12], [6, 6], [12]];
  expect([sizes("matcher"), sizes("delivery")]).toEqual([even, even]);
  expect(said.stderr).toContain("lag of matcher.latest, a bar a second");
  expect(left()).toEqual([]);
});

test("Ctrl-C in the middle ends everything, processes that are held back too", async () => {
  const { child, done, said, left, hasSaid } = demo();
  await hasSaid(/partitions of deliveries/);
  expect(left().length).toBeGreaterThan(4);
  child.kill("SIGTERM");
  expect(await done).toBe(1);
  expect(said.stdout).toContain("Stopped before the end.");
  expect(left()).toEqual([]);
});
