import { spawn, type ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { afterEach, expect, test } from "vitest";
import { createCpuShare } from "./cpu-share.ts";

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

function busyProcess(): ChildProcess {
  const child = spawn(process.execPath, ["-e", "process.stdout.write('ready'); for (;;) ;"]);
  children.push(child);
  return child;
}

test("a process that is held to a share still ends at once when it is let go and asked to", async () => {
  const child = busyProcess();
  await new Promise((resolve) => child.stdout?.once("data", resolve));
  const pid = child.pid ?? 0;
  const share = createCpuShare(0.1);
  share.limit(pid);
  const stateOf = () => readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.slice(0, 1);
  await expect.poll(stateOf).toBe("T");
  share.lift(pid);
  await expect.poll(stateOf).not.toBe("T");
  const ended = new Promise((resolve) => child.once("exit", (_, signal) => resolve(signal)));
  child.kill("SIGTERM");
  expect(await ended).toBe("SIGTERM");
  // One that has ended is no error.
  share.limit(pid);
  share.liftAll();
});
