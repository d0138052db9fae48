import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

interface Locked {
  readonly resolved?: string;
  readonly link?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const text = readFileSync(new URL("../../package-lock.json", import.meta.url), "utf8");
const { packages } = JSON.parse(text) as { packages: Readonly<Record<string, Locked>> };

it("the lockfile holds every optional dependency that it names, or npm ci refuses it: npm run lockfile", () => {
  const names = new Set(Object.keys(packages).map((path) => path.slice(path.lastIndexOf("node_modules/"))));
  const missing = Object.values(packages)
    .flatMap((locked) => Object.keys(locked.optionalDependencies ?? {}))
    .filter((name) => !names.has(`node_modules/${name}`));
  expect(missing).toEqual([]);
});

it("the lockfile names no registry, so that everyone installs from their own", () => {
  const addresses = Object.values(packages).filter(
    (locked) => locked.link !== true && locked.resolved !== undefined,
  );
  expect(addresses).toEqual([]);
});
