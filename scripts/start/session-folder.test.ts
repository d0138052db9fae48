import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { createSessionFolder } from "./session-folder.ts";

const roots: string[] = [];
afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true, force: true });
});

function newRoot(): string {
  const root = mkdtempSync(join(tmpdir(), "session-folder-"));
  roots.push(root);
  return root;
}
/** Above the largest pid that Linux gives. */
const nobody = 2 ** 22 + 1;

test("folders of sessions that are over are removed, those of running ones and of others are kept", () => {
  const root = newRoot();
  const others = [`start-${process.ppid}`, "kafka", "start-notes"];
  for (const name of [`start-${nobody}`, ...others]) mkdirSync(join(root, name, "logs"), { recursive: true });
  const folder = createSessionFolder(root, process.pid);
  expect(existsSync(join(root, `start-${nobody}`))).toBe(false);
  expect(others.filter((name) => !existsSync(join(root, name)))).toEqual([]);
  expect([folder.engines, folder.logs].filter((path) => !existsSync(path))).toEqual([]);
});

test("the engines' data goes, the logs stay", () => {
  const folder = createSessionFolder(newRoot(), process.pid);
  folder.discardData();
  expect([existsSync(folder.engines), existsSync(folder.logs)]).toEqual([false, true]);
});

test("what a message points at is kept until the next session", () => {
  const folder = createSessionFolder(newRoot(), process.pid);
  folder.keepData();
  folder.discardData();
  expect(existsSync(folder.engines)).toBe(true);
});
