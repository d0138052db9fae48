import { startKafka, type KafkaEngine } from "@ethhook/infra";
import type { KafkaAdmin } from "@ethhook/kit";
import { applyTopology, planBroker } from "@ethhook/scripts/topology";
import { builtInChains, createTopology } from "@ethhook/topology";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runCommand } from "../support/command.ts";
import { testKafka } from "../support/kafka.ts";

const topology = createTopology(builtInChains);
let kafka: KafkaEngine;
let admin: KafkaAdmin;

beforeAll(async () => {
  kafka = await startKafka();
  admin = testKafka(kafka.url).admin();
});
afterAll(async () => {
  await admin?.close();
  await kafka?.stop();
});

/** Runs `npm run topology -- …` as a person does. */
async function run(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<{ code: number | null; out: string }> {
  const { code, stdout, stderr } = await runCommand("topology", args, {
    KAFKA_BROKERS: kafka.url,
    ...env,
  });
  return { code, out: stdout + stderr };
}

test("an empty broker has drift, apply makes it as declared, and two at once are safe", async () => {
  const before = await run(["check"]);
  expect(before.code).toBe(2);
  expect(before.out).toContain("+ logs.base: 12 partitions");
  const applied = await Promise.all([applyTopology(admin, topology), applyTopology(admin, topology)]);
  expect(applied[0]?.changes.length).toBe(topology.topics.length);
  expect(await planBroker(admin, topology)).toEqual({ changes: [], undeclared: [] });
  const after = await run(["check"]);
  expect(after).toEqual({ code: 0, out: "the broker is as declared\n" });
});

test("apply sets back what drifted and keeps what someone set beside it", async () => {
  const declared = await admin.topicConfigs(["attempts"]);
  const own = [...(declared.get("attempts") ?? [])].filter(([, { isDefault }]) => !isDefault);
  await admin.replaceTopicConfigs("attempts", {
    ...Object.fromEntries(own.map(([name, { value }]) => [name, value])),
    "retention.ms": "60000",
    "segment.bytes": "2097152",
  });
  const drift = await run(["check"]);
  expect(drift.code).toBe(2);
  expect(drift.out).toContain("retention.ms: 60000 (1 min) → 259200000 (3 days)");
  const applied = await run(["apply"]);
  expect(applied.code).toBe(0);
  const now = (await admin.topicConfigs(["attempts"])).get("attempts");
  expect(now?.get("retention.ms")?.value).toBe("259200000");
  expect(now?.get("segment.bytes")?.value).toBe("2097152");
});

test("more partitions than declared are refused with what to do instead, and nothing is changed", async () => {
  await admin.createPartitions("deliveries.dlq", 5);
  const plan = await run(["plan"]);
  expect(plan.code).toBe(1);
  expect(plan.out).toContain("partitions cannot be removed");
  const applied = await run(["apply"]);
  expect(applied.code).toBe(1);
  expect(applied.out).toContain("instead: declare a topic with a new name");
  expect(applied.out).not.toContain("    at ");
});

test("a chain of the configuration gets its topic, and a wrong one a sentence", async () => {
  const polygon = {
    id: 137,
    name: "polygon",
    blockTimeMs: 2_000,
    confirmedDepth: 128,
    finality: { kind: "tag" },
    ledgerPartition: 4,
  };
  const good = await run(["describe"], { CHAINS_EXTRA: JSON.stringify([polygon]) });
  expect(good.out).toContain("logs.polygon");
  const bad = await run(["describe"], { CHAINS_EXTRA: JSON.stringify([{ ...polygon, ledgerPartition: 0 }]) });
  expect(bad.code).toBe(1);
  expect(bad.out).toContain("ethereum and polygon share ledgerPartition 0");
});

test("a broker that does not answer is a sentence", async () => {
  const { code, out } = await run(["plan"], { KAFKA_BROKERS: "127.0.0.1:1" });
  expect(code).toBe(1);
  expect(out).toContain("KAFKA_BROKERS");
  expect(out).not.toContain("    at ");
});
