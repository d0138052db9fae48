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
}

/** The lead is ahead by the whole time that finality takes; only a group that nobody uses is near it. */
const leadPollMs = 500;
/** A lead that is so long behind a record does not run, or has more than it can do. */
const leadLateMs = 60_000;

export function createKafkaGates({ wait, consumer, lead, ledgers, logger }: KafkaGatesOptions): KafkaGates {
  let held = new Map<string, Held>();
  let timer: NodeJS.Timeout | undefined;
  let complainedAtMs = Number.NEGATIVE_INFINITY;
  let askedAtMs = Number.NEGATIVE_INFINITY;

  function release(which: (one: Held) => boolean): void {
    for (const [name, one] of held) {
      if (!which(one) || !one.isDecided()) continue;
      held.delete(name);
      consumer.resume(one.source);
    }
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

  function askLeadSoon(): void {
    if (timer !== undefined) return;
    const asking = setTimeout(
      () => {
        askedAtMs = performance.now();
        lead
          .refresh()
          .catch((error: unknown) =>
            logger.warn({ event: "lead.unknown", err: error }, "How far matcher.latest is could not be read"),
          )
          .finally(() => {
            if (timer !== asking) return;
            timer = undefined;
            release((one) => one.waitsFor === "lead");
            complain();
            if ([...held.values()].some((one) => one.waitsFor === "lead")) askLeadSoon();
          });
      },
      Math.max(0, askedAtMs + leadPollMs - performance.now()),
    );
    timer = asking;
  }

  return {
    of(source, where, isCurrent) {
      const decide = (log: Log): GateDecision => decideByLedger(log, ledgers.of(where.chainId), wait);
      const isLed = (offset: number): boolean => lead.hasPassed(where, offset);
      const resumeWhen = (offset: number, waitsFor: Held["waitsFor"], isDecided: () => boolean): void => {
        if (!isCurrent()) return;
        consumer.seek(source, offset);
        const one = { source, where, waitsFor, offset, sinceMs: performance.now(), isDecided };
        held.set(`${source.topic}:${source.partition}`, one);
        release((other) => other === one);
        if (waitsFor === "lead") askLeadSoon();
      };
      return {
        isLed,
        decide,
        reachBack: (sequence) => ledgers.reachBack(where.chainId, sequence),
        pause: () => {
          if (isCurrent()) consumer.pause(source);
        },
        resumeWhenLed: (offset) => resumeWhen(offset, "lead", () => isLed(offset)),
        resumeWhenDecided: (offset, log) => resumeWhen(offset, "ledger", () => decide(log) !== "wait"),
      };
    },
    ledgerAdvanced: (chainId) => release((one) => one.waitsFor === "ledger" && one.where.chainId === chainId),
    eligibleAfter: (chainId, sequence) => ({
      logs: ledgers.of(chainId).finalLogsAfter(sequence, wait),
      sinceMs: ledgers.of(chainId).finalSince(sequence, wait),
    }),
    reset() {
      held = new Map();
      clearTimeout(timer);
      timer = undefined;
    },
  };
}
