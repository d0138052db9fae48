import { spawn, spawnSync } from "node:child_process";
import { startKafka, type KafkaEngine } from "@ethhook/infra";
import { partitionOf } from "@ethhook/kit";
import { logCodec } from "@ethhook/schemas";
import { builtInChains, createTopology, toRecord } from "@ethhook/topology";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { testKafka } from "../support/kafka.ts";
import { addressOf, sampleLog } from "../support/messages.ts";
import { readLogs } from "../support/read-topics.ts";
import { createTopics } from "../support/topics.ts";

const topology = createTopology(builtInChains);
const hasKcat = spawnSync("kcat", ["-V"]).error === undefined;

/** Runs kcat, whose library (librdkafka) is not ours, to its end. */
function kcat(args: readonly string[], input = ""): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn("kcat", ["-q", ...args], { stdio: ["pipe", "pipe", "pipe"] });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => err.push(chunk));
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve(Buffer.concat(out).toString());
      else reject(new Error(`kcat ended with ${code}: ${Buffer.concat(err).toString()}`));
    });
    child.stdin.end(input);
  });
}

describe.runIf(hasKcat)("kcat, a client that is not ours", () => {
  let engine: KafkaEngine;

  beforeAll(async () => {
    engine = await startKafka();
    await createTopics(testKafka(engine.url), topology);
  });

  afterAll(() => engine?.stop());

  test("reads logs.ethereum, compressed as declared, with the contract address as key on the key's partition", async () => {
    const producer = testKafka(engine.url).producer();
    await producer.start();
    const logs = Array.from({ length: 40 }, (_, index) =>
      sampleLog({ address: addressOf(0x10_00_00 + index), logIndex: index }),
    );
    await producer.send(logs.map((log) => toRecord(topology.logs.of(1), log)));
    await producer.stop();

    const output = await kcat(["-b", engine.url, "-t", "logs.ethereum", "-C", "-e", "-f", "%p %k %s\n"]);
    const read = output
      .trimEnd()
      .split("\n")
      .map((line) => /^(\d+) (\S+) (.*)$/.exec(line) ?? []);
    expect(new Set(read.map(([, , key]) => key))).toEqual(new Set(logs.map((log) => log.address)));
    expect(read).toHaveLength(logs.length);
    for (const [, partition, key = "", value = ""] of read) {
      expect(Number(partition)).toBe(partitionOf(key, topology.logs.of(1).partitions));
      expect(logCodec.decode(value)).toMatchObject({ ok: true, value: { address: key } });
    }
  });

  test.each(["none", "gzip", "snappy", "lz4", "zstd"])(
    "writes with %s, and the product reads it",
    async (codec) => {
      const chain = builtInChains.find(({ name }) => name === "base");
      if (chain === undefined) throw new Error("base is a built-in chain");
      const blockNumber = 1_000 + codec.length * 10 + codec.charCodeAt(0);
      // Alike enough to be compressed, and more than one of them.
      const logs = Array.from({ length: 20 }, (_, logIndex) =>
        sampleLog({ chainId: 8453, blockNumber, logIndex }),
      );
      const lines = logs.map((log) => `${log.address}\t${logCodec.encode(log)}\n`).join("");
      await kcat(["-b", engine.url, "-t", "logs.base", "-P", "-K", "\t", "-z", codec], lines);

      const read = await readLogs(testKafka(engine.url), topology, chain);
      expect(read.filter((log) => log.blockNumber === blockNumber)).toEqual(logs);
    },
  );
});
