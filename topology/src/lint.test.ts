import { expect, test } from "vitest";
import { builtInChains } from "./chains.ts";
import { lintRules, lintTopology } from "./lint.ts";
import { createTopology, type Topology } from "./topics.ts";
import type { AnyTopic, ConsumerGroup } from "./types.ts";

const topology = createTopology(builtInChains);

test("the topology that EthHook ships with breaks no rule", () => {
  expect(lintTopology(topology)).toEqual([]);
});

const withTopic = (name: string, change: Partial<AnyTopic>): Topology => ({
  ...topology,
  topics: topology.topics.map((topic) => (topic.name === name ? { ...topic, ...change } : topic)),
});
const withGroup = (id: string, change: Partial<ConsumerGroup>): Topology => ({
  ...topology,
  groups: topology.groups.map((group) => (group.id === id ? { ...group, ...change } : group)),
});
const withChain = (change: object): Topology => ({
  ...topology,
  chains: topology.chains.map((chain) => (chain.name === "base" ? { ...chain, ...change } : chain)),
});

// One planted fault for each rule: a rule that nothing can break is not a rule.
const planted: Readonly<Record<string, Topology>> = {
  "topic-name": withTopic("attempts", { name: "Attempts_2" }),
  "topic-once": { ...topology, topics: [...topology.topics, ...topology.topics.slice(0, 1)] },
  "has-producer": withTopic("attempts", { producers: [] }),
  "has-reader": { ...topology, groups: topology.groups.filter(({ id }) => id !== "clickhouse.attempts") },
  "key-released": withTopic("deliveries", { key: { name: "user id", example: "usr_1" } }),
  "dead-letters": withTopic("deliveries.dlq", { messageBytesMax: 1_000 }),
  "co-partitioned": withTopic("deliveries.replay", { partitions: 6 }),
  "log-size": withTopic("logs.base", { messageBytesMax: 1_048_576 }),
  "kept-for-ever": withTopic("logs.base", { retentionMs: null }),
  "group-topics": withGroup("delivery", { topics: ["deliveries", "deliverys.replay"] }),
  "group-name": withGroup("delivery", { id: "ethhook.reader" }),
  "group-assignment": withGroup("delivery", { assignment: "spread" }),
  "clickhouse-consumers": withTopic("attempts", { partitions: 0 }),
  "chain-unique": withChain({ ledgerPartition: 0 }),
  "ledger-partition": withChain({ ledgerPartition: 32 }),
};

test.each(lintRules.map(({ name }) => name))("rule %s finds the fault planted for it", (rule) => {
  const faulty = planted[rule];
  expect(faulty, "plant a fault for this rule").toBeDefined();
  expect(lintTopology(faulty!).map((finding) => finding.rule)).toContain(rule);
});
