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

export interface KafkaLeadsOptions {
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
  /** The offset up to which the lead has settled everything, as far as is known: every epoch up to it is known too. */
  passed(partition: Pick<LogPartition, "chainId" | "partition">): number;
  /** Resolves after the next read of how far the lead is and what it has recorded: in half a second at most. */
  refresh(): Promise<void>;
}

/** The lead as each group that waits sees it; one read serves them all. */
export interface KafkaLeads {
  /** A group's own view. */
  view(): KafkaLead;
  stop(): Promise<void>;
}

interface Followed {
  readonly where: LogPartition;
  readonly topic: string;
  readonly epochs: Epochs;
  /** The offset up to which everything is settled by the lead and its epochs are known; null before the first read. */
  passed: number | null;
}

/** The lead is ahead by the whole time that finality takes; only a group that nobody uses is near it. */
const pollMs = 500;
const retryMs = 500;
/** An assignment waits so long before the process gives up and is restarted. */
const followTimeoutMs = 60_000;

export function createKafkaLeads({ admin, pool, topology, logger }: KafkaLeadsOptions): KafkaLeads {
  const views: Map<string, Followed>[] = [];
  const aborted = new AbortController();
  let reading: Promise<void> | undefined;
  let scheduled: Promise<void> | undefined;
  let readAtMs = Number.NEGATIVE_INFINITY;

  async function readAll(): Promise<void> {
    readAtMs = performance.now();
    const all = views.flatMap((view) => [...view.values()]);
    if (all.length === 0) return;
    const topics = [...new Set(all.map(({ topic }) => topic))];
    // In this order: what was recorded before a record was settled is then seen.
    const committed = new Map(
      (await admin.committedOffsets(leadGroup, topics)).map(({ topic, partition, offset }) => [
        `${topic}:${partition}`,
        offset ?? 0,
      ]),
    );
    const fresh = await readEpochs(pool, leadGroup, afterWhich(all));
    for (const one of all) {
      for (const epoch of fresh.get(epochKey(one.where)) ?? ([] as readonly Epoch[]))
        one.epochs.recorded(epoch);
      // A lead that was set back matches again with what it recorded: what it had passed stays passed.
      one.passed = Math.max(one.passed ?? 0, committed.get(`${one.topic}:${one.where.partition}`) ?? 0);
    }
  }

  function read(): Promise<void> {
    reading ??= readAll().finally(() => {
      reading = undefined;
    });
    return reading;
  }

  function readSoon(): Promise<void> {
    scheduled ??= delay(Math.max(0, readAtMs + pollMs - performance.now()), undefined, {
      signal: aborted.signal,
    }).then(() => {
      scheduled = undefined;
      return read();
    });
    return scheduled;
  }

  /** Reads until all that a view follows is known: a read that was under way before may have left it out. */
  async function learn(followed: ReadonlyMap<string, Followed>): Promise<void> {
    const until = Date.now() + followTimeoutMs;
    while ([...followed.values()].some(({ passed }) => passed === null)) {
      try {
        await read();
      } catch (error) {
        if (Date.now() > until || aborted.signal.aborted) throw error;
        logger.warn(
          { event: "lead.unknown", err: error },
          `How far ${leadGroup} is could not be read: tried again`,
        );
        await delay(retryMs, undefined, { signal: aborted.signal }).catch(() => undefined);
      }
    }
  }

  function view(): KafkaLead {
    const followed = new Map<string, Followed>();
    views.push(followed);
    return {
      async follow(partitions) {
        followed.clear();
        for (const where of partitions) {
          const topic = topology.logs.of(where.chainId).name;
          followed.set(epochKey(where), { where, topic, epochs: createEpochs([]), passed: null });
        }
        await learn(followed);
        return new Map([...followed].map(([key, { epochs }]) => [key, epochs]));
      },
      passed: (partition) => followed.get(epochKey(partition))?.passed ?? 0,
      refresh: readSoon,
    };
  }

  return {
    view,
    async stop() {
      aborted.abort();
      await Promise.allSettled([reading, scheduled]);
      await admin.close();
    },
  };
}

/** Each partition once, with the newest epoch that all who follow it know. */
function afterWhich(all: readonly Followed[]): readonly (LogPartition & { readonly after: number })[] {
  const wanted = new Map<string, LogPartition & { readonly after: number }>();
  for (const { where, epochs } of all) {
    const after = epochs.newest()?.fromSequence ?? -1;
    const key = epochKey(where);
    wanted.set(key, { ...where, after: Math.min(after, wanted.get(key)?.after ?? after) });
  }
  return [...wanted.values()];
}
