import type { KafkaAdmin } from "@ethhook/kit";
import { PipelineError } from "@ethhook/schemas";
import {
  dialects,
  planTopology,
  type BrokerTopic,
  type Plan,
  type PlanOptions,
  type Topology,
} from "@ethhook/topology";
import { countChanges, tellPlan } from "./tell.ts";

/** What the planner needs of a cluster. */
export type TopologyAdmin = Pick<
  KafkaAdmin,
  "describeTopics" | "topicConfigs" | "createTopics" | "createPartitions" | "replaceTopicConfigs"
>;

export const defaultPlanOptions: PlanOptions = {
  dialect: dialects.kafka,
  replicationFactor: -1,
  allowRepartition: [],
};

/** Every topic of the cluster with its settings. */
export async function readBroker(admin: TopologyAdmin): Promise<readonly BrokerTopic[]> {
  const topics = await admin.describeTopics();
  const configs = await admin.topicConfigs(topics.map(({ name }) => name));
  return topics.map((topic) => ({ ...topic, configs: configs.get(topic.name) ?? new Map() }));
}

/** What would make the cluster as declared. Changes nothing. */
export async function planBroker(
  admin: TopologyAdmin,
  topology: Topology,
  options: PlanOptions = defaultPlanOptions,
): Promise<Plan> {
  return planTopology(topology, await readBroker(admin), options);
}

/**
 * Makes the cluster as declared: creates, alters, adds partitions. Safe to run twice, and by several processes at once.
 * @returns the plan that was applied.
 * @throws PipelineError `TOPOLOGY_REFUSED` before anything is changed, when any part of the plan is refused.
 */
export async function applyTopology(
  admin: TopologyAdmin,
  topology: Topology,
  options: PlanOptions = defaultPlanOptions,
): Promise<Plan> {
  const plan = await planBroker(admin, topology, options);
  if (plan.changes.some(({ kind }) => kind === "refuse")) {
    throw new PipelineError(
      "TOPOLOGY_REFUSED",
      "crash",
      `Nothing was applied (${countChanges(plan)}):\n${tellPlan({ ...plan, changes: plan.changes.filter(({ kind }) => kind === "refuse") })}`,
    );
  }
  await createMissing(admin, plan);
  for (const change of plan.changes) {
    if (change.kind === "alter") await admin.replaceTopicConfigs(change.topic, change.configs);
    if (change.kind === "add-partitions") await admin.createPartitions(change.topic, change.to);
  }
  return plan;
}

async function createMissing(admin: TopologyAdmin, plan: Plan): Promise<void> {
  const creations = plan.changes.flatMap((change) =>
    change.kind === "create" ? [{ ...change, name: change.topic }] : [],
  );
  if (creations.length === 0) return;
  try {
    await admin.createTopics(
      creations.map(({ name, partitions, replicationFactor, configs }) => ({
        name,
        partitions,
        replicationFactor,
        configs,
      })),
    );
  } catch (error) {
    // Another process may have created some of them between our look and our call; then nothing is missing any more.
    const standing = new Set((await admin.describeTopics()).map(({ name }) => name));
    if (creations.some(({ name }) => !standing.has(name))) throw error;
  }
}
