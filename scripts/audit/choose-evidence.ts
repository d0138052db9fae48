import { PipelineError } from "@ethhook/schemas";
import type { Session } from "../replay/session.ts";
import { createClickHouseEvidence } from "./clickhouse-evidence.ts";
import { clockMarginMs, type Evidence } from "./evidence.ts";
import { createTopicEvidence } from "./topic-evidence.ts";
import type { Window } from "./types.ts";

export const evidenceNames = ["auto", "topics", "clickhouse"] as const;
export type EvidenceName = (typeof evidenceNames)[number];

/** The topics where they still hold the window, else ClickHouse. */
export async function chooseEvidence(
  name: EvidenceName,
  window: Window,
  session: Session,
): Promise<Evidence> {
  if (name === "clickhouse") return createClickHouseEvidence(session);
  const missing = await topicsThatForgot(window, session);
  if (missing.length === 0) return createTopicEvidence(session);
  if (name === "auto") return createClickHouseEvidence(session);
  const names = missing.join(", ");
  throw new PipelineError(
    "AUDIT_IMPOSSIBLE",
    "crash",
    `${names} no longer hold all of the window: --evidence clickhouse`,
  );
}

/** Topics of which retention has deleted records of the window. */
async function topicsThatForgot(
  { chain, fromMs }: Window,
  { topology, admin }: Session,
): Promise<readonly string[]> {
  const names = [topology.logs.of(chain.id), topology.deliveries, topology.attempts].map(({ name }) => name);
  const kept = await Promise.all(
    names.map(async (name) => {
      const [bounds, at] = await Promise.all([
        admin.bounds(name),
        admin.offsetsAt(name, fromMs - clockMarginMs),
      ]);
      const offsets = new Map(at.map(({ partition, offset }) => [partition, offset]));
      // A partition whose oldest record is older than the window holds all of it.
      return bounds.every(({ partition, start }) => start === 0 || (offsets.get(partition) ?? 0) > start);
    }),
  );
  return names.filter((_, index) => !kept[index]);
}
