import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Absolute path of the repository. */
export const root = fileURLToPath(new URL("../..", import.meta.url));

export const workspaces = [
  "topology",
  "schemas",
  "infra",
  "scripts",
  "tests",
  "services/kit",
  "services/ingestor",
  "services/matcher",
  "services/delivery",
  "services/api",
] as const;

export type Workspace = (typeof workspaces)[number];

const configuration = [
  "package.json",
  "package-lock.json",
  "turbo.json",
  "tsconfig.json",
  ".oxlintrc.json",
  ".gitignore",
];

/** A folder with the house's configuration and none of its code, into which faults are planted. */
export interface Overlay extends AsyncDisposable {
  plant(path: string, text: string): Promise<void>;
  /** Declares a dependency that the workspace does not have. */
  depend(workspace: Workspace, name: string): Promise<void>;
  /** Runs one of the project's tools in the folder; never rejects. */
  run(command: string, args: readonly string[]): Promise<{ readonly code: number; readonly output: string }>;
}

export async function createOverlay(): Promise<Overlay> {
  const folder = await mkdtemp(join(tmpdir(), "ethhook-house-"));
  await Promise.all(configuration.map((name) => cp(join(root, name), join(folder, name))));
  await symlink(join(root, "node_modules"), join(folder, "node_modules"));
  await cp(join(root, "tests/guide/lint-plugin.ts"), join(folder, "tests/guide/lint-plugin.ts"));
  for (const workspace of workspaces) {
    await mkdir(join(folder, workspace), { recursive: true });
    for (const name of ["package.json", "turbo.json"]) {
      await cp(join(root, workspace, name), join(folder, workspace, name));
    }
  }

  async function plant(path: string, text: string): Promise<void> {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }

  return {
    plant,
    async depend(workspace, name) {
      const path = `${workspace}/package.json`;
      const manifest = JSON.parse(await readFile(join(folder, path), "utf8")) as { dependencies?: object };
      await plant(
        path,
        JSON.stringify({ ...manifest, dependencies: { ...manifest.dependencies, [name]: "0.1.0" } }),
      );
    },
    run: (command, args) =>
      new Promise((resolve) => {
        const tools = join(root, "node_modules/.bin");
        const env = {
          ...process.env,
          PATH: `${tools}${delimiter}${process.env["PATH"] ?? ""}`,
          NO_COLOR: "1",
        };
        execFile(command, args, { cwd: folder, env }, (error, stdout, stderr) => {
          resolve({ code: error === null ? 0 : 1, output: `${stdout}${stderr}` });
        });
      }),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}
