import type { KafkaAdmin, PartitionReader } from "@ethhook/kit";
import { PipelineError } from "@ethhook/schemas";
import type { Topology } from "@ethhook/topology";
import { timeBeforeBlock } from "./ledger-time.ts";
import type { Position } from "./position.ts";
import type { ReplayRequest } from "./request.ts";

/** The part of one partition that a replay reads: `from` included, `until` not. */
export interface Span {
  readonly from: number;
  readonly until: number;
}

/** By `topic:partition`. Fixed when a replay begins, so that a dry run, the run and its resumption see the same. */
export type ReplayPlan = Readonly<Record<string, Span>>;

export interface PlanDeps {
  readonly topology: Topology;
  readonly admin: Pick<KafkaAdmin, "bounds" | "offsetsAt">;
  readonly reader: PartitionReader;
}

/** A block's deliveries are written after its ledger record, but clocks differ. */
const clockMarginMs = 60_000;

export const placeOf = (topic: string, partition: number): string => `${topic}:${partition}`;
export function parsePlace(place: string): { topic: string; partition: number } {
  const cut = place.lastIndexOf(":");
  return { topic: place.slice(0, cut), partition: Number(place.slice(cut + 1)) };
}

/** Which offsets of which partitions the request means. Blocks are narrowed down by time here, and exactly by the reader. */
export async function planReplay(request: ReplayRequest, deps: PlanDeps): Promise<ReplayPlan> {
  const bounds = await deps.admin.bounds(request.topic);
  const [starts, ends] = await Promise.all([
    offsetsOf(request.from, request, deps, "from"),
    offsetsOf(request.to, request, deps, "to"),
  ]);
  const spans = bounds
    .filter(({ partition }) => request.partition === null || request.partition === partition)
    .map(({ partition, start, end }) => {
      const from = Math.max(start, starts(partition) ?? start);
      return [
        placeOf(request.topic, partition),
        { from, until: Math.min(end, ends(partition) ?? end) },
      ] as const;
    });
  if (spans.length === 0) refuse(`${request.topic} has no partition ${request.partition}`);
  return Object.fromEntries(spans.filter(([, { from, until }]) => from < until));
}

type OffsetOf = (partition: number) => number | undefined;

async function offsetsOf(
  position: Position,
  request: ReplayRequest,
  deps: PlanDeps,
  side: "from" | "to",
): Promise<OffsetOf> {
  switch (position.kind) {
    case "begin":
    case "end":
      return () => undefined;
    case "offset":
      if (request.partition === null) refuse("an offset belongs to one partition: name it with --partition");
      return () => position.offset;
    case "time":
      return atTime(request.topic, position.ms, deps);
    case "block": {
      // Deliveries of a block may be written long after it (finality), so its number alone bounds the end.
      if (side === "to") return () => undefined;
      const atMs = await timeOfBlock(position.number, request, deps);
      return atMs === null ? () => undefined : atTime(request.topic, atMs - clockMarginMs, deps);
    }
  }
}

async function atTime(topic: string, ms: number, { admin }: PlanDeps): Promise<OffsetOf> {
  const offsets = new Map(
    (await admin.offsetsAt(topic, ms)).map(({ partition, offset }) => [partition, offset]),
  );
  return (partition) => offsets.get(partition);
}

/** From when on the topics may hold something of a block; null when from their beginning. */
async function timeOfBlock(
  number: number,
  { chainId }: ReplayRequest,
  { topology, reader }: PlanDeps,
): Promise<number | null> {
  const chain = topology.chains.find(({ id }) => id === chainId);
  if (chain === undefined) refuse("a block belongs to one chain: name it with --chain");
  const at = { topic: topology.blocks.name, partition: chain.ledgerPartition };
  return timeBeforeBlock(number, at, { topology, reader });
}

function refuse(message: string): never {
  throw new PipelineError("REPLAY_REFUSED", "crash", message);
}
