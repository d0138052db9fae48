import { setTimeout as delay } from "node:timers/promises";
import type { KafkaAdmin, Logger } from "@ethhook/kit";
import type { Pool } from "@ethhook/kit/postgres";
import type { Topology } from "@ethhook/topology";
import type { Epoch, Epochs } from "../core/epochs.ts";
import { createEpochs } from "../core/epochs.ts";
import type { LogPartition } from "../core/ports.ts";
import { epochKey, readEpochs } from "./postgres-epochs.ts";

/** The group that decides with which version a log is matched; see `KafkaLead`. */
export const leadGroup = "matcher.latest";

export interface KafkaLeadOptions {
  readonly admin: Pick<KafkaAdmin, "committedOffsets" | "close">;
  readonly pool: Pool;
  readonly topology: Topology;
  readonly logger: Logger;
}

/**
 * What `matcher.latest` has done. It alone changes versions, and the groups that wait match each log with the version that
 * it recorded: so a log is matched with one version in all groups, and an endpoint that changes its finality is told of
 * each log by exactly one of them.
 */
export interface KafkaLead {
  /** Follows these partitions from now on, and no others. */
  follow(partitions: readonly LogPartition[]): Promise<ReadonlyMap<string, Epochs>>;
  /** True once the lead has settled a record: every epoch up to it is then known. */
  hasPassed(partition: Pick<LogPartition, "chainId" | "partition">, offset: number): boolean;
  /** Reads how far the lead is and what it has recorded since. */
  refresh(): Promise<void>;
  stop(): Promise<void>;
}

interface Followed {
  readonly where: LogPartition;
  readonly topic: string;
  readonly epochs: Epochs;
  /** The offset up to which everything is settled by the lead and its epochs are known. */
  passed: number;
}

const retryMs = 500;
/** An assignment waits so long before the process gives up and is restarted. */
const followTimeoutMs = 60_000;

export function createKafkaLead({ admin, pool, topology, logger }: KafkaLeadOptions): KafkaLead {
  let followed = new Map<string, Followed>();
  let refreshing: Promise<void> | undefined;
  const aborted = new AbortController();

  async function read(): Promise<void> {
    const all = [...followed.values()];
    if (all.length === 0) return;
    const topics = [...new Set(all.map(({ topic }) => topic))];
    // In this order: what was recorded before a record was settled is then seen.
    const committed = new Map(
      (await admin.committedOffsets(leadGroup, topics)).map(({ topic, partition, offset }) => [
        `${topic}:${partition}`,
        offset ?? 0,
      ]),
    );
    const fresh = await readEpochs(
      pool,
      leadGroup,
      all.map(({ where, epochs }) => ({ ...where, after: epochs.newest()?.fromSequence ?? -1 })),
    );
    for (const [key, one] of followed) {
      for (const epoch of fresh.get(key) ?? ([] as readonly Epoch[])) one.epochs.recorded(epoch);
      // A lead that was set back matches again with what it recorded: what it had passed stays passed.
      one.passed = Math.max(one.passed, committed.get(`${one.topic}:${one.where.partition}`) ?? 0);
    }
  }

  function refresh(): Promise<void> {
    refreshing ??= read().finally(() => {
      refreshing = undefined;
    });
    return refreshing;
  }

  return {
    async follow(partitions) {
      await refreshing?.catch(() => undefined);
      followed = new Map(
        partitions.map((where) => [
          epochKey(where),
          { where, topic: topology.logs.of(where.chainId).name, epochs: createEpochs([]), passed: 0 },
        ]),
      );
      for (const until = Date.now() + followTimeoutMs; ;) {
        try {
          await refresh();
          return new Map([...followed].map(([key, { epochs }]) => [key, epochs]));
        } catch (error) {
          if (Date.now() > until || aborted.signal.aborted) throw error;
          logger.warn(
            { event: "lead.unknown", err: error },
            `How far ${leadGroup} is could not be read: tried again`,
          );
          await delay(retryMs, undefined, { signal: aborted.signal }).catch(() => undefined);
        }
      }
    },
    hasPassed: (partition, offset) => (followed.get(epochKey(partition))?.passed ?? 0) > offset,
    refresh,
    async stop() {
      aborted.abort();
      await refreshing?.catch(() => undefined);
      await admin.close();
    },
  };
}
