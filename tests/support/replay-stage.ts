import type { Delivery } from "@ethhook/schemas";
import { applyTopology } from "@ethhook/scripts/topology";
import { builtInChains, createTopology, type Topology, type TopicRecord } from "@ethhook/topology";
import { runCommand, type CommandResult } from "./command.ts";
import { startDeliveryStage, type DeliveryStage } from "./delivery-stage.ts";
import type { ServiceProcess } from "./service-process.ts";
import { startTestReceiver, type Post, type TestReceiver } from "./test-receiver.ts";

/** What replay and redrive are tested on: every topic, one delivery process, and a receiver. */
export interface ReplayStage extends DeliveryStage {
  readonly topology: Topology;
  readonly receiver: TestReceiver;
  /** The delivery process that runs from the beginning. */
  readonly process: ServiceProcess;
  /** Runs `replay` or `redrive` as a person would. */
  run(script: "replay" | "redrive", ...args: readonly string[]): Promise<CommandResult>;
  /** Writes records of any topic. Resolves when the broker holds them. */
  write(records: readonly TopicRecord[]): Promise<void>;
  /** POSTs to a path: live ones, or those with this `ethhook-replay` header. */
  postsOf(path: string, header?: "replay" | "redrive"): readonly Post[];
}

export async function startReplayStage(): Promise<ReplayStage> {
  const [stage, receiver] = await Promise.all([startDeliveryStage(), startTestReceiver()]);
  const topology = createTopology(builtInChains);
  const admin = stage.kafka.admin();
  await applyTopology(admin, topology);
  await admin.close();
  const process = await stage.deliveryProcess();
  const producer = stage.kafka.producer();
  await producer.start();
  return {
    ...stage,
    topology,
    receiver,
    process,
    run: (script, ...args) => runCommand(script, args, stage.env),
    write: (records) => producer.send(records),
    postsOf: (path, header) =>
      receiver.posts.filter((post) => post.path === path && post.headers["ethhook-replay"] === header),
    async stop() {
      await producer.stop();
      await stage.stop();
      await receiver.stop();
    },
  };
}

export const sortedIds = (of: readonly Pick<Delivery, "webhookId">[]): string[] =>
  of.map(({ webhookId }) => webhookId).toSorted();
