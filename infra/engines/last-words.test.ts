import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { errorLines, tellingLines } from "./last-words.ts";

const folder = mkdtempSync(join(tmpdir(), "ethhook-words-"));
afterAll(() => rmSync(folder, { recursive: true }));

function log(text: string): string {
  const path = join(folder, "engine.log");
  writeFileSync(path, text);
  return path;
}

it("quotes the errors, without the frames of their stack traces", () => {
  const path = log("starting\nERROR it broke\n\tat kafka.Kafka.main(Kafka.scala)\n  ... 3 more\nbye\n");
  expect(tellingLines(path)).toEqual(["ERROR it broke"]);
});

it("falls back to the last lines of a log without an error, and calls none of them an error", () => {
  const path = log("one\ntwo\nthree\nfour\n");
  expect(tellingLines(path)).toEqual(["two", "three", "four"]);
  expect(errorLines(path)).toEqual([]);
});

it("reads only the end of a long log, and has nothing to say of one that is not there", () => {
  const path = log(`${"filler\n".repeat(50_000)}FATAL: the end\n`);
  expect(tellingLines(path)).toEqual(["FATAL: the end"]);
  expect(tellingLines(join(folder, "none.log"))).toEqual([]);
});
