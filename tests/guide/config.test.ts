import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { root } from "./overlay.ts";

const reference = readFileSync(join(root, "CONFIG.md"), "utf8");

it.each(["ingestor", "matcher", "delivery", "api"])(
  "CONFIG.md has every variable that %s --help prints, and the port",
  async (service) => {
    const main = join(root, "services", service, "src/main.ts");
    const { stdout } = await promisify(execFile)(process.execPath, [main, "--help"]);
    const printed = [...stdout.matchAll(/^ {2}([A-Z][A-Z0-9_]+) /gm)].map(([, name = ""]) =>
      name.replace(/^(?:ETHEREUM|ARBITRUM|OPTIMISM|BASE)_/, "<CHAIN>_"),
    );
    expect(printed).toContain("LOG_LEVEL");
    expect(printed.filter((name) => !reference.includes(`| \`${name}\` |`))).toEqual([]);
    const port = /HTTP_PORT .*\n\s+default: (\d+)/.exec(stdout)?.[1];
    expect(reference).toContain(`${service} ${port}`);
  },
);
