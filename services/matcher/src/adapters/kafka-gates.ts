import type { Consumer, Logger, TopicPartition } from "@ethhook/kit";
import type { Log } from "@ethhook/schemas";
import { decideByLedger, type GateDecision } from "../core/finality-gate.ts";
import type { Wait } from "../core/ledger.ts";
import type { Gate } from "../core/partition.ts";
import type { LogPartition } from "../core/ports.ts";
import { leadGroup, type KafkaLead } from "./kafka-lead.ts";
import type { KafkaLedgers } from "./kafka-ledgers.ts";

export interface KafkaGatesOptions {
  readonly wait: Wait;
  readonly consumer: Pick<Consumer, "pause" | "resume" | "seek">;
  readonly lead: KafkaLead;
  readonly ledgers: KafkaLedgers;
  readonly logger: Logger;
}

/** Pauses partitions of a group that waits, and resumes each when its next record may be matched. */
export interface KafkaGates {
  /** @param isCurrent false once the partition was taken away. */
  of(source: TopicPartition, where: LogPartition, isCurrent: () => boolean): Gate;
  /** A chain's ledger has grown: what waited for it may be fetched. */
  ledgerAdvanced(chainId: number): void;
  /** What of a chain's logs behind a sequence has reached the finality: how many, and since when, Unix milliseconds. */
  eligibleAfter(
    chainId: number,
    sequence: number,
  ): { readonly logs: number; readonly sinceMs: number | null };
  /** Forgets everything that waits. */
  reset(): void;
}

/** A partition whose next record waits. */
interface Held {
  readonly source: TopicPartition;
  readonly where: LogPartition;
  readonly waitsFor: "lead" | "ledger";
  /** The record, and when it was first waited for by the process's clock. */
  readonly offset: number;
  readonly sinceMs: number;
  isDecided(): boolean;
  /** True while the lead's progress may be followed without reading a record. */
  mayPassOver(): boolean;
}

/** A lead that is so long behind a record does not run, or has more than it can do. */
const leadLateMs = 60_000;

export function createKafkaGates({ wait, consumer, lead, ledgers, logger }: KafkaGatesOptions): KafkaGates {
  let held = new Map<string, Held>();
  let asking: object | undefined;
  let complainedAtMs = Number.NEGATIVE_INFINITY;

  function release(which: (one: Held) => boolean): void {
    for (const one of held.values()) if (which(one) && one.isDecided()) resume(one);
  }

  function resume(one: Held): void {
    held.delete(nameOf(one.source));
    consumer.resume(one.source);
  }

  /**
   * What nobody waits for is passed over as far as the lead came, unread: else each group would fetch every log. A lead that
   * came no further since may be at the end: then the next record is fetched, to wait with it.
   */
  function follow(one: Held): void {
    const passed = lead.passed(one.where);
    if (passed > one.offset && one.mayPassOver()) {
      consumer.seek(one.source, passed);
      const isDecided = (): boolean => true;
      held.set(nameOf(one.source), { ...one, offset: passed, sinceMs: performance.now(), isDecided });
    } else if (one.isDecided()) resume(one);
  }

  function complain(): void {
    const nowMs = performance.now();
    const late = [...held.values()].find(
      (one) => one.waitsFor === "lead" && nowMs - one.sinceMs > leadLateMs,
    );
    if (late === undefined || nowMs - complainedAtMs < leadLateMs) return;
    complainedAtMs = nowMs;
    const at = `${late.source.topic}[${late.source.partition}] at offset ${late.offset}`;
    logger.warn(
      { event: "lead.late", ...late.source, offset: late.offset },
      `${wait} waits: ${leadGroup} has not matched ${at}. Some process must run it (MATCHER_GROUPS)`,
    );
  }

  /** One question at a time; `reset` makes it a question of the past. */
  function askLeadSoon(): void {
    if (asking !== undefined) return;
    const mine = {};
    asking = mine;
    void lead
      .refresh()
      .catch((error: unknown) => {
        if (asking !== mine) return;
        logger.warn({ event: "lead.unknown", err: error }, "How far matcher.latest is could not be read");
      })
      .then(() => {
        if (asking !== mine) return;
        asking = undefined;
        for (const one of held.values()) if (one.waitsFor === "lead") follow(one);
        complain();
        if ([...held.values()].some((one) => one.waitsFor === "lead")) askLeadSoon();
      });
  }

  return {
    of(source, where, isCurrent) {
      const decide = (log: Log): GateDecision => decideByLedger(log, ledgers.of(where.chainId), wait);
      const isLed = (offset: number): boolean => lead.passed(where) > offset;
      const hold = (one: Omit<Held, "source" | "where" | "sinceMs">): void => {
        if (!isCurrent()) return;
        consumer.seek(source, one.offset);
        const waiting = { ...one, source, where, sinceMs: performance.now() };
        held.set(nameOf(source), waiting);
        release((other) => other === waiting);
        if (one.waitsFor === "lead") askLeadSoon();
      };
      return {
        isLed,
        decide,
        reachBack: (sequence) => ledgers.reachBack(where.chainId, sequence),
        pause: () => {
          if (isCurrent()) consumer.pause(source);
        },
        resumeWhenLed: (offset, mayPassOver) =>
          hold({ waitsFor: "lead", offset, isDecided: () => isLed(offset), mayPassOver }),
        resumeWhenDecided: (offset, log) =>
          hold({ waitsFor: "ledger", offset, isDecided: () => decide(log) !== "wait", mayPassOver: never }),
      };
    },
    ledgerAdvanced: (chainId) => release((one) => one.waitsFor === "ledger" && one.where.chainId === chainId),
    eligibleAfter: (chainId, sequence) => ({
      logs: ledgers.of(chainId).finalLogsAfter(sequence, wait),
      sinceMs: ledgers.of(chainId).finalSince(sequence, wait),
    }),
    reset() {
      held = new Map();
      asking = undefined;
    },
  };
}

const never = (): boolean => false;

function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}:${partition}`;
}
