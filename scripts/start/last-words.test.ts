import { expect, test } from "vitest";
import { tellingMessage } from "./last-words.ts";

const line = (level: string, msg: string) => JSON.stringify({ level, msg });

test("the last fatal line tells, whatever was logged while stopping", () => {
  const log = [line("fatal", "first"), line("fatal", "broker is gone"), line("error", "stopping failed")];
  expect(tellingMessage(log.join("\n"))).toBe("broker is gone");
});

test("without a fatal line the last error tells, and without one the last plain text", () => {
  expect(tellingMessage([line("error", "timeout"), line("info", "bye")].join("\n"))).toBe("timeout");
  expect(tellingMessage(`Error: cannot find module\n${line("info", "started")}\n`)).toBe(
    "Error: cannot find module",
  );
});

test("of Node's report of an uncaught error, the error tells", () => {
  const report = [
    "    throw new Error(text)",
    "",
    "TypeError [CODE]: no such file",
    "    at main.ts:1:1",
    "Node.js v24",
  ];
  expect(tellingMessage(report.join("\n"))).toBe("TypeError [CODE]: no such file");
});

test("a log that tells nothing gives null", () => {
  expect(tellingMessage("")).toBeNull();
  expect(tellingMessage(line("info", "started"))).toBeNull();
});
