import { expect, test } from "vitest";
import { builtInChains } from "./chains.ts";
import { dialects } from "./dialects.ts";
import { planTopology, type BrokerTopic, type PlanOptions } from "./plan.ts";
import { createTopology, type Topology } from "./topics.ts";
import type { AnyTopic } from "./types.ts";

const topology = createTopology(builtInChains);
const options: PlanOptions = { dialect: dialects.kafka, replicationFactor: -1, allowRepartition: [] };

/** A broker that holds exactly what is declared. */
const asDeclared = (of: Topology = topology): BrokerTopic[] =>
  of.topics.map((topic) => ({
    name: topic.name,
    partitions: topic.partitions,
    replicationFactor: 1,
    configs: new Map(
      Object.entries(dialects.kafka.settings(topic, options)).map(([name, value]) => [
        name,
        { value, isDefault: false },
      ]),
    ),
  }));

const change = (name: string, by: Partial<BrokerTopic>): BrokerTopic[] =>
  asDeclared().map((topic) => (topic.name === name ? { ...topic, ...by } : topic));
const declare = (name: string, by: Partial<AnyTopic>): Topology => ({
  ...topology,
  topics: topology.topics.map((topic) => (topic.name === name ? { ...topic, ...by } : topic)),
});

test("an empty broker gets every topic, with its settings", () => {
  const { changes } = planTopology(topology, [], options);
  expect(changes.map(({ kind }) => kind)).toEqual(topology.topics.map(() => "create"));
  expect(changes[0]).toMatchObject({
    topic: "logs.ethereum",
    partitions: 12,
    configs: { "max.message.bytes": "16777216", "retention.ms": "604800000", "cleanup.policy": "delete" },
  });
});

test("a broker that is as declared needs nothing", () => {
  expect(planTopology(topology, asDeclared(), options)).toEqual({ changes: [], undeclared: [] });
});

test("a changed setting is altered, and what others set on the topic is sent along so that it stays", () => {
  const configs = new Map(asDeclared().find(({ name }) => name === "attempts")!.configs);
  configs.set("retention.ms", { value: "1000", isDefault: false });
  configs.set("segment.bytes", { value: "1048576", isDefault: false });
  configs.set("flush.ms", { value: "9223372036854775807", isDefault: true });
  const { changes } = planTopology(topology, change("attempts", { configs }), options);
  expect(changes).toHaveLength(1);
  expect(changes[0]).toMatchObject({
    kind: "alter",
    topic: "attempts",
    changes: [{ setting: "retention.ms", from: "1000", to: "259200000" }],
    configs: { "retention.ms": "259200000", "segment.bytes": "1048576" },
  });
  expect(changes[0]).not.toHaveProperty(["configs", "flush.ms"]);
});

test("another key under a released name is refused", () => {
  const changed = declare("deliveries", { key: { name: "user id", example: "usr_1" } });
  const { changes } = planTopology(changed, asDeclared(), options);
  expect(changes.map(({ kind, topic }) => `${kind} ${topic}`)).toContain("refuse deliveries");
  expect(changes.find(({ topic }) => topic === "deliveries")).toMatchObject({
    instead: expect.stringContaining("new name") as string,
  });
});

test("more partitions on a released topic are refused, unless the operator states it", () => {
  const smaller = change("attempts", { partitions: 3 });
  expect(planTopology(topology, smaller, options).changes).toMatchObject([
    { kind: "refuse", topic: "attempts" },
  ]);
  const stated = { ...options, allowRepartition: ["attempts"] };
  expect(planTopology(topology, smaller, stated).changes).toEqual([
    { kind: "add-partitions", topic: "attempts", from: 3, to: 6 },
  ]);
});

test("the ledger may get more partitions, since every record names its own", () => {
  const smaller = change("blocks", { partitions: 4 });
  expect(planTopology(topology, smaller, options).changes).toEqual([
    { kind: "add-partitions", topic: "blocks", from: 4, to: 32 },
  ]);
});

test("partitions are never removed", () => {
  const { changes } = planTopology(topology, change("attempts", { partitions: 12 }), {
    ...options,
    allowRepartition: ["attempts"],
  });
  expect(changes).toMatchObject([{ kind: "refuse", topic: "attempts" }]);
});

test("a declaration that breaks a rule is refused", () => {
  const { changes } = planTopology(declare("attempts", { producers: [] }), asDeclared(), options);
  expect(changes).toMatchObject([{ kind: "refuse", topic: "attempts", reason: "has no producer" }]);
});

test("a topic of a chain that is gone is told, and others are none of our business", () => {
  const configs = new Map();
  const extra = ["logs.polygon", "orders"].map((name) => ({
    name,
    partitions: 1,
    replicationFactor: 1,
    configs,
  }));
  const plan = planTopology(topology, [...asDeclared(), ...extra], options);
  expect(plan).toEqual({ changes: [], undeclared: ["logs.polygon"] });
});

test("each dialect declares only what its broker knows", () => {
  const topic = topology.deliveries;
  const three = { replicationFactor: 3 };
  expect(dialects.kafka.settings(topic, three)).toHaveProperty(["min.insync.replicas"], "2");
  expect(dialects.redpanda.settings(topic, three)).not.toHaveProperty(["min.insync.replicas"]);
  expect(dialects.redpanda.settings(topic, three)).toHaveProperty(["write.caching"], "false");
  expect(dialects.kafka.settings(topic, three)).not.toHaveProperty(["write.caching"]);
});
