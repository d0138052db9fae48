import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import { until } from "../support/until.ts";

const script = fileURLToPath(new URL("../support/kit-service.ts", import.meta.url));
let children: ChildProcess[] = [];
afterEach(async () => {
  for (const child of children) child.kill("SIGKILL");
  children = [];
});

function service(env: Record<string, string>, args: string[] = []) {
  const child = spawn(process.execPath, [script, ...args], {
    env: { ...process.env, HTTP_PORT: "0", ...env },
  });
  children.push(child);
  let out = "";
  let err = "";
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString()));
  const exited = once(child, "exit").then(([code]) => code as number | null);
  const running = () =>
    until(
      "it runs",
      () => out,
      (text) => text.includes("service.started"),
    );
  return { child, exited, running, out: () => out, err: () => err };
}

test("a signal stops it cleanly", async () => {
  const one = service({});
  await one.running();
  one.child.kill("SIGTERM");
  expect(await one.exited).toBe(0);
  expect(one.out()).toContain("service.stopped");
});

test("--help prints the variables and ends", async () => {
  const one = service({}, ["--help"]);
  expect(await one.exited).toBe(0);
  expect(one.out()).toMatch(/KAFKA_BROKERS .*\n.*default: 127\.0\.0\.1:9092/);
});

test("a wrong setting is said without a stack trace, and a restart is not asked for", async () => {
  const one = service({ KAFKA_BROKERS: "nowhere", HTTP_PORT: "high" });
  expect(await one.exited).toBe(1);
  expect(one.err()).toContain("KAFKA_BROKERS");
  expect(one.err()).toContain("HTTP_PORT");
  expect(one.err()).not.toMatch(/\n\s+at /);
});

test.each([
  ["crash", "service.crashed"],
  ["stray", "process.stray-error"],
  ["fail-start", "service.failed"],
])("%s asks its supervisor for a restart", async (behaviour, event) => {
  const one = service({ KIT_BEHAVIOUR: behaviour });
  expect(await one.exited).toBe(75);
  expect(one.out()).toContain(event);
});

test("a stop that hangs ends at its budget", async () => {
  const one = service({ KIT_BEHAVIOUR: "hang-stop" });
  await one.running();
  one.child.kill("SIGTERM");
  expect(await one.exited).toBe(75);
  expect(one.out()).toContain("service.stop-late");
});

test("a second signal ends it at once", async () => {
  const one = service({ KIT_BEHAVIOUR: "hang-stop" });
  await one.running();
  one.child.kill("SIGINT");
  await until(
    "it is stopping",
    () => one.out(),
    (text) => text.includes("service.stopping"),
  );
  one.child.kill("SIGINT");
  expect(await one.exited).toBe(75);
  expect(one.out()).not.toContain("service.stop-late");
});
