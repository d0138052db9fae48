import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { renderDashboards } from "@ethhook/infra/grafana";
import { renderAll, renderReadmeSection, withSection } from "@ethhook/topology";

const root = fileURLToPath(new URL("../../", import.meta.url));

const textOf = (path: string): string | null => {
  try {
    return readFileSync(root + path, "utf8");
  } catch {
    return null;
  }
};

/** Every rendered file as it should be: path from the root → text. README.md only where it has the section's marks. */
export function expectedFiles(): ReadonlyMap<string, string> {
  const readme = withSection(textOf("README.md") ?? "", renderReadmeSection());
  return new Map([
    ...renderAll(),
    ...renderDashboards(),
    ...(readme === null ? [] : [["README.md", readme] as const]),
  ]);
}

/** Paths of rendered files whose copy in the repository is old or missing. */
export function staleFiles(): readonly string[] {
  return [...expectedFiles()].filter(([path, text]) => textOf(path) !== text).map(([path]) => path);
}

/** Writes what is stale. @returns the paths written. */
export function writeStaleFiles(): readonly string[] {
  const expected = expectedFiles();
  const stale = staleFiles();
  for (const path of stale) {
    mkdirSync(dirname(root + path), { recursive: true });
    writeFileSync(root + path, expected.get(path) ?? "");
  }
  return stale;
}
