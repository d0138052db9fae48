/** One package of a version 3 lockfile, as far as it is read here. */
export interface LockedPackage {
  readonly version?: string;
  readonly resolved?: string;
  readonly link?: boolean;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly libc?: readonly string[];
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

export type LockedPackages = Readonly<Record<string, LockedPackage>>;

const systems: Readonly<Record<string, string>> = {
  darwin: "darwin",
  linux: "linux",
  win32: "win32",
  windows: "win32",
  android: "android",
  freebsd: "freebsd",
  openharmony: "openharmony",
};

const processors: Readonly<Record<string, string>> = {
  arm64: "arm64",
  arm: "arm",
  x64: "x64",
  amd64: "x64",
  "64": "x64",
  ia32: "ia32",
  ppc64: "ppc64",
  riscv64: "riscv64",
  s390x: "s390x",
};

/**
 * The lockfile's packages and, for each optional dependency that it names but does not hold, an entry of its own.
 * npm leaves out the builds for other platforms when the registry in use does not serve them, and `npm ci` then refuses
 * the lockfile as incomplete. Such an entry has no integrity: npm checks what it downloads on that platform by the
 * registry's word.
 */
export function completed(packages: LockedPackages): LockedPackages {
  const added: Record<string, LockedPackage> = {};
  for (const [path, locked] of Object.entries(packages)) {
    for (const [name, version] of Object.entries(locked.optionalDependencies ?? {})) {
      const target = `node_modules/${name}`;
      if (isHeld(packages, path, name) || !/^\d/.test(version)) continue;
      const { os, cpu, libc } = platformOf(name);
      // In npm's own order of keys, so that its next run leaves the file as it is.
      added[target] = {
        version,
        ...(cpu === undefined ? {} : { cpu }),
        ...(locked.dev === true ? { dev: true } : {}),
        ...(libc === undefined ? {} : { libc }),
        optional: true,
        ...(os === undefined ? {} : { os }),
      };
    }
  }
  const all = { ...packages, ...added };
  return Object.fromEntries(Object.entries(all).toSorted(([a], [b]) => a.localeCompare(b, "en")));
}

/** Whether Node would find `name` from the package at `path`: in its own node_modules, or in one above. */
function isHeld(packages: LockedPackages, path: string, name: string): boolean {
  for (let from = path; ; from = from.slice(0, Math.max(0, from.lastIndexOf("node_modules/") - 1))) {
    if (packages[`${from === "" ? "" : `${from}/`}node_modules/${name}`] !== undefined) return true;
    if (from === "") return false;
  }
}

/** What a package's name says of its platform: `@oxlint/binding-linux-x64-musl` → linux, x64, musl. */
function platformOf(name: string): Pick<LockedPackage, "os" | "cpu" | "libc"> {
  const words = name.split(/[-/]/);
  const os = words.map((word) => systems[word]).find((value) => value !== undefined);
  const cpu = words.map((word) => processors[word]).find((value) => value !== undefined);
  const libc = words.some((word) => word.startsWith("musl"))
    ? "musl"
    : words.some((word) => word.startsWith("gnu"))
      ? "glibc"
      : undefined;
  return {
    ...(os === undefined ? {} : { os: [os] }),
    ...(cpu === undefined ? {} : { cpu: [cpu] }),
    ...(libc === undefined ? {} : { libc: [libc] }),
  };
}
