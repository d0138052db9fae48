import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { startServiceProcess, type ServiceProcess } from "./service-process.ts";

const folders: string[] = [];
const running: ServiceProcess[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((service) => service.stop()));
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A service whose main file is `source`; it may count its runs in the file RUNS. */
function setUp(source: string) {
  const folder = mkdtempSync(join(tmpdir(), "service-process-"));
  folders.push(folder);
  const mainPath = join(folder, "main.mjs");
  writeFileSync(mainPath, source);
  const notices: string[] = [];
  const runsPath = join(folder, "runs");
  writeFileSync(runsPath, "");
  const service = startServiceProcess({
    name: "matcher",
    mainPath,
    env: { ...process.env, RUNS: runsPath },
    url: "http://127.0.0.1:1",
    logPath: join(folder, "matcher.log"),
    onNotice: (sentence) => notices.push(sentence),
  });
  running.push(service);
  return { service, notices, runs: () => readFileSync(runsPath, "utf8").length };
}

const countRun = `import { appendFileSync, statSync } from "node:fs"; appendFileSync(process.env.RUNS, "x");`;

test("exit 75 starts the service again and tells why; the next exit 1 is for good", async () => {
  const { service, notices, runs } = setUp(`${countRun}
    console.log(JSON.stringify({ level: "fatal", msg: "broker is gone" }));
    process.exitCode = statSync(process.env.RUNS).size === 1 ? 75 : 1;`);
  expect(await service.died).toContain("matcher ended with exit code 1: broker is gone. Its log:");
  expect(notices).toEqual([
    "matcher ended with exit code 75: broker is gone. It is started again in 250 ms.",
  ]);
  expect([runs(), service.restarts()]).toEqual([2, 1]);
});

test("a service that is killed is started again", async () => {
  const { service, notices } = setUp(`${countRun}
    if (statSync(process.env.RUNS).size === 1) process.kill(process.pid, "SIGKILL");
    else process.exitCode = 1;`);
  await service.died;
  expect(notices).toEqual(["matcher was ended by SIGKILL. It is started again in 250 ms."]);
});

test("a service that is killed by us stays dead", async () => {
  const { service, notices, runs } = setUp(`${countRun} setInterval(() => {}, 1000);`);
  await expect.poll(runs).toBe(1);
  const pid = service.pid();
  await service.kill();
  expect(() => process.kill(pid!, 0)).toThrow("ESRCH");
  await expect(service.ready(10_000)).rejects.toThrow("was stopped");
  expect([notices, runs(), service.restarts()]).toEqual([[], 1, 0]);
});

test("waiting for a service that ends tells how it ended", async () => {
  const { service } = setUp(`throw new Error("no such setting");`);
  await expect(service.ready(10_000)).rejects.toThrow("matcher ended with exit code 1");
});

test("stopping ends the process and is no death", async () => {
  const { service, runs } = setUp(`${countRun} setInterval(() => {}, 1000);`);
  await expect.poll(runs).toBe(1);
  const pid = service.pid();
  await service.stop();
  expect(() => process.kill(pid!, 0)).toThrow("ESRCH");
  const outcome = await Promise.race([service.died, Promise.resolve("alive to the end")]);
  expect(outcome).toBe("alive to the end");
});
