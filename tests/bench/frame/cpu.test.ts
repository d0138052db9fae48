import { spawn } from "node:child_process";
import { expect, it, vi } from "vitest";
import { cpuSecondsOf, parseStat } from "./cpu.ts";

it("reads the times of a process and its ended children behind a program name with brackets and spaces", () => {
  const stat = "42 (a) b (c) S 1 42 42 0 -1 4194560 100 0 0 0 250 150 70 30 20 0 11 0 1000 1 1";
  expect(parseStat(stat)).toBe(5);
});

it("knows this process", () => {
  expect(cpuSecondsOf(process.pid)).toBeGreaterThan(0);
});

it("counts what a process started", async () => {
  const shell = spawn(
    "sh",
    ["-c", "sh -c 'i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; read x' & wait"],
    {
      stdio: ["pipe", "ignore", "ignore"],
    },
  );
  await vi.waitFor(() => expect(cpuSecondsOf(shell.pid ?? 0)).toBeGreaterThan(0.02), { timeout: 10_000 });
  shell.stdin?.end();
  shell.kill();
});

it("says NaN of a process that is not there", () => {
  expect(cpuSecondsOf(2 ** 30)).toBeNaN();
});
