import type { Consumer, Logger, TopicPartition } from "@ethhook/kit";
import type { Log } from "@ethhook/schemas";
import { decideByLedger, type GateDecision } from "../core/finality-gate.ts";
import type { Wait } from "../core/ledger.ts";
import type { Gate } from "../core/partition.ts";
import type { LogPartition } from "../core/ports.ts";
import type { KafkaLead } from "./kafka-lead.ts";
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
  /** Forgets everything that waits. */
  reset(): void;
}

/** A partition whose next record waits. */
interface Held {
  readonly source: TopicPartition;
  readonly where: LogPartition;
  readonly waitsFor: "lead" | "ledger";
  isDecided(): boolean;
}

/** The lead is ahead by the whole time that finality takes; only a group that nobody uses is near it. */
const leadPollMs = 500;

export function createKafkaGates({ wait, consumer, lead, ledgers, logger }: KafkaGatesOptions): KafkaGates {
  let held = new Map<string, Held>();
  let timer: NodeJS.Timeout | undefined;
  let askedAtMs = Number.NEGATIVE_INFINITY;

  function release(which: (one: Held) => boolean): void {
    for (const [name, one] of held) {
      if (!which(one) || !one.isDecided()) continue;
      held.delete(name);
      consumer.resume(one.source);
    }
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
        const one = { source, where, waitsFor, isDecided };
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
    reset() {
      held = new Map();
      clearTimeout(timer);
      timer = undefined;
    },
  };
}
