import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readCompose } from "../support/compose.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const dockerfile = readFileSync(join(root, "infra/docker/Dockerfile"), "utf8");
const run = promisify(execFile);

/** Services and jobs that compose runs in the image, with the file of each. */
const commands = Object.entries(readCompose("compose.yaml").services).flatMap(([name, { image, command }]) =>
  image === "ethhook:local" ? [[name, command?.[0] ?? ""] as const] : [],
);

let image: string;
beforeAll(() => {
  image = mkdtempSync(join(tmpdir(), "ethhook-image-"));
  // The last stage's own COPY lines, as docker would do them; the modules come from the first stage.
  const lastStage = dockerfile.slice(dockerfile.lastIndexOf("\nFROM "));
  for (const [, source = "", target = ""] of lastStage.matchAll(/^COPY (?!--)(\S+) (\S+)$/gm)) {
    const from = join(root, source);
    const to = target.endsWith("/")
      ? join(image, target, source.split("/").at(-1) ?? "")
      : join(image, target);
    mkdirSync(dirname(to), { recursive: true });
    cpSync(from, to, {
      recursive: true,
      filter: (path) => !/node_modules|\.data|\.turbo|\.test\.ts$/.test(path),
    });
  }
  linkModules();
});
afterAll(() => rmSync(image, { recursive: true, force: true }));

/** Other people's packages from this checkout; the workspaces from the image, as npm links them there. */
function linkModules(): void {
  const modules = join(image, "node_modules");
  mkdirSync(join(modules, "@ethhook"), { recursive: true });
  for (const name of readdirSync(join(root, "node_modules")))
    if (name !== "@ethhook") symlinkSync(join(root, "node_modules", name), join(modules, name));
  const copied = [...dockerfile.matchAll(/^COPY (\S+)\/package\.json \1\/$/gm)].map(
    (match) => match[1] ?? "",
  );
  for (const folder of new Set(copied))
    symlinkSync(join(image, folder), join(modules, "@ethhook", folder.split("/").at(-1) ?? ""));
}

it.each(commands)("%s starts from the files that the image holds", async (_name, file) => {
  const { stdout } = await run(process.execPath, [file, "--help"], { cwd: image });
  expect(stdout).toMatch(/KAFKA_BROKERS|DATABASE_URL|apply/);
});
