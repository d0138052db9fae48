import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { root } from "./overlay.ts";

const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  scripts: Record<string, string>;
};
const commands = Object.entries(scripts).flatMap(([name, script]) => {
  const path = /^(?:exec )?node (?:--\S+ )*(\S+\.ts)$/.exec(script)?.[1];
  return path === undefined ? [] : [{ name, path }];
});

function run(path: string, argument: string) {
  return spawnSync(process.execPath, [path, argument], { cwd: root, encoding: "utf8", timeout: 30_000 });
}

describe.each(commands)("npm run $name", ({ name, path }) => {
  const calls = ["start", "test"].includes(name) ? `npm ${name}` : `npm run ${name}`;

  it("explains itself with --help, on stdout, and exits 0", { timeout: 60_000 }, () => {
    const { status, stdout, stderr } = run(path, "--help");
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toContain(calls);
  });

  it("refuses an option that it does not know in words, not with a stack trace", { timeout: 60_000 }, () => {
    const { status, stdout, stderr } = run(path, "--no-such-option");
    expect(status).not.toBe(0);
    expect(`${stdout}${stderr}`).not.toMatch(/^ {4}at /m);
    // A command that cannot do without some option may ask for that one first.
    expect(`${stdout}${stderr}`).toMatch(/no-such-option|required option/);
  });
});
