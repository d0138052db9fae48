import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { createOverlay, root, type Workspace, workspaces } from "./overlay.ts";

/** Imports that have no dependency in package.json, or leave the workspace. */
const strays: readonly { readonly says: string; readonly path: string; readonly from: string }[] = [
  { says: "schemas import nothing of ours", path: "schemas/messages/a.ts", from: "@ethhook/topology" },
  { says: "the topology does not import the kit", path: "topology/src/a.ts", from: "@ethhook/kit" },
  { says: "the kit imports no service", path: "services/kit/src/a.ts", from: "@ethhook/matcher" },
  {
    says: "a service imports no other service",
    path: "services/matcher/src/a.ts",
    from: "@ethhook/delivery",
  },
  {
    says: "a service does not reach into another by path",
    path: "services/matcher/src/b.ts",
    from: "../../delivery/src/core/lanes.ts",
  },
  {
    says: "tests do not reach into a service by path",
    path: "tests/e2e/a.ts",
    from: "../../services/kit/src/config.ts",
  },
  { says: "a library is declared where it is used", path: "services/matcher/src/c.ts", from: "undici" },
];

/** Dependencies that may not be declared, even if somebody writes them into package.json. */
const forbidden: readonly { readonly from: Workspace; readonly to: Workspace }[] = [
  { from: "schemas", to: "topology" },
  { from: "topology", to: "services/kit" },
  { from: "services/kit", to: "services/matcher" },
  { from: "services/matcher", to: "services/delivery" },
  { from: "services/api", to: "infra" },
  { from: "infra", to: "services/kit" },
  { from: "scripts", to: "tests" },
];

const nameOf = (workspace: Workspace) => `@ethhook/${workspace.replace("services/", "")}`;

/** Messages of `turbo boundaries`, one text each, unwrapped. */
async function complaints(overlay: Awaited<ReturnType<typeof createOverlay>>): Promise<readonly string[]> {
  const { output } = await overlay.run("turbo", ["boundaries", "--no-color"]);
  const unwrapped = output.replaceAll(/\n\s*\| /g, " ").replaceAll("@ethhook/ ", "@ethhook/");
  return unwrapped.split(/\n(?=\s*(?:x|×) )/);
}

describe("imports in the wrong direction", () => {
  let said: readonly string[] = [];
  beforeAll(async () => {
    await using overlay = await createOverlay();
    for (const { path, from } of strays) await overlay.plant(path, `export { a } from "${from}";\n`);
    said = await complaints(overlay);
  });

  it.each(strays)("$says", ({ path, from }) => {
    const found = said.some((text) => text.includes(`${path}:1:`) && text.includes(from));
    expect(found, said.join("\n")).toBe(true);
  });
});

describe("dependencies in the wrong direction", () => {
  let said: readonly string[] = [];
  beforeAll(async () => {
    await using overlay = await createOverlay();
    for (const { from, to } of forbidden) await overlay.depend(from, nameOf(to));
    said = await complaints(overlay);
  });

  it.each(forbidden)("$from may not depend on $to", ({ from, to }) => {
    const pair = said.find(
      (text) => text.includes(`\`${nameOf(from)}\``) && text.includes(`\`${nameOf(to)}\``),
    );
    expect(pair, said.join("\n")).toBeDefined();
  });
});

it("the configuration alone breaks no rule", async () => {
  await using overlay = await createOverlay();
  const { code, output } = await overlay.run("turbo", ["boundaries", "--no-color"]);
  expect(code, output).toBe(0);
});

describe("the top level", () => {
  const folders = ["infra", "schemas", "scripts", "services", "tests", "topology"];

  it("has the folders that the product's owner fixed, and no other", async () => {
    const entries = await readdir(root, { withFileTypes: true });
    const found = entries
      .filter((one) => one.isDirectory() && !one.name.startsWith("."))
      .map((one) => one.name);
    expect(found.filter((name) => name !== "node_modules").toSorted()).toEqual(folders);
  });

  it("has package.json, turbo.json, compiler settings and documents as its only files", async () => {
    const entries = await readdir(root, { withFileTypes: true });
    const found = entries.filter((one) => one.isFile() && !one.name.startsWith(".")).map((one) => one.name);
    const documents = found.filter((name) => name.endsWith(".md") || name === "LICENSE");
    const expected = ["package-lock.json", "package.json", "tsconfig.json", "turbo.json", ...documents];
    expect(found.toSorted()).toEqual(expected.toSorted());
  });
});

describe("every workspace", () => {
  it.each(workspaces)("%s has a tag, so that directions hold for it", async (workspace) => {
    const { tags } = JSON.parse(await readFile(join(root, workspace, "turbo.json"), "utf8")) as {
      tags?: string[];
    };
    expect(tags).toHaveLength(1);
  });

  it("is in the list of these tests", async () => {
    const services = (await readdir(join(root, "services"))).map((name) => `services/${name}`);
    expect(workspaces.filter((name) => name.startsWith("services/")).toSorted()).toEqual(services.toSorted());
  });

  it.each(workspaces)("%s pins its dependencies exactly", async (workspace) => {
    const manifest = JSON.parse(await readFile(join(root, workspace, "package.json"), "utf8")) as {
      dependencies?: Record<string, string>;
      devDependencies?: Record<string, string>;
    };
    const versions = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies });
    expect(versions.filter(([, version]) => !/^\d+\.\d+\.\d+/.test(version))).toEqual([]);
  });
});
