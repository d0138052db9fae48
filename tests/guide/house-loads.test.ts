import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { root } from "./overlay.ts";

const run = promisify(execFile);
const services = ["ingestor", "matcher", "delivery", "api"] as const;

/**
 * Libraries that cost memory (ethers 25 MB) and who loads them on start. A library that comes in through an import of a shared
 * module stays in every process for ever, and no test of behaviour sees it.
 */
const owners: Readonly<Record<string, readonly string[]>> = {
  ethers: ["matcher", "api"],
  fastify: ["api"],
  "@clickhouse/client": ["api"],
  axios: ["delivery"],
  ws: ["ingestor"],
  pg: ["matcher", "delivery", "api"],
  // The ingestor loads it when a chain has an HTTP provider.
  undici: ["delivery"],
  // Loaded when a chain proves receipts.
  "@ethereumjs/mpt": [],
  kafkajs: services,
};

/** Packages that the service's process has loaded when it is about to read its configuration. Node's compile cache tells. */
async function packagesOf(service: string): Promise<ReadonlySet<string>> {
  const cache = await mkdtemp(join(tmpdir(), "ethhook-loads-"));
  try {
    const { stdout, stderr } = await run(process.execPath, [`services/${service}/src/main.ts`, "--help"], {
      cwd: root,
      env: { PATH: process.env["PATH"], NODE_COMPILE_CACHE: cache, NODE_DEBUG_NATIVE: "COMPILE_CACHE" },
      maxBuffer: 64 * 1_048_576,
    });
    const files = `${stdout}${stderr}`.matchAll(/\/node_modules\/((?:@[^/\s]+\/)?[^/\s]+)\//g);
    return new Set([...files].map(([, name = ""]) => name));
  } finally {
    await rm(cache, { recursive: true, force: true });
  }
}

describe.concurrent("what a service loads on start", () => {
  it.each(services)("%s loads the costly libraries that it needs and no other", async (service) => {
    const loaded = await packagesOf(service);
    const costly = Object.keys(owners).filter((name) => loaded.has(name));
    const expected = Object.keys(owners).filter((name) => owners[name]?.includes(service));
    expect(costly).toEqual(expected);
  });
});
