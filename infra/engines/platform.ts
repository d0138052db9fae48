import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { PipelineError } from "@ethhook/schemas";

const require = createRequire(import.meta.url);

/** The folder of a platform package: npm installs only the one that fits this machine.
 * @throws PipelineError `ENGINE_MISSING` when there is none for it. */
export function platformPackage(engine: string, name: string): string {
  for (const base of require.resolve.paths(name) ?? []) {
    const folder = join(base, name);
    if (existsSync(join(folder, "package.json"))) return folder;
  }
  throw new PipelineError(
    "ENGINE_MISSING",
    "crash",
    `${engine} for ${process.platform}-${process.arch} is not installed (npm package ${name}). Run \`npm ci\` again without --omit=optional, or point the engine's variable at a server that runs elsewhere.`,
  );
}
