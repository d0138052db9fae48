import type { BlockRef, HeadNotice } from "./model.ts";

/**
 * Decides which announcements are followed and which providers have gone quiet. Pure: time comes in with every call.
 * An announcement is only a wake-up; the newest that is worth following is kept until the loop takes it.
 */
export interface Heads {
  /**
   * @param tip what is published.
   * @returns whether it is worth following: higher than the tip, or its provider stood as high and changed its mind.
   */
  offer(head: HeadNotice, tip: BlockRef | undefined): boolean;
  /** The newest head worth following since the last call, if any. */
  take(): HeadNotice | undefined;
  /** Whether a provider that announces heads has announced nothing new for three block times. */
  isStale(provider: string, nowMs: number): boolean;
  /** The stale providers that others have overtaken. Each is named once in three block times. */
  overtaken(nowMs: number): readonly string[];
  /** Whether no provider announced anything for three block times: then the head must be asked for. */
  isQuiet(nowMs: number): boolean;
  /** When the newest head was heard of, Unix milliseconds; undefined before the first. */
  readonly heardAtMs: number | undefined;
  /** The highest number that anyone who is not stale announced last. */
  readonly highest: number | undefined;
}

export interface HeadsOptions {
  readonly staleAfterMs: number;
  /** Names of the providers that announce heads by themselves. */
  readonly announcers: readonly string[];
  /** When the process began to listen, Unix milliseconds. */
  readonly startedAtMs: number;
}

interface Heard {
  readonly number: number;
  readonly atMs: number;
}

export function createHeads({ staleAfterMs, announcers, startedAtMs }: HeadsOptions): Heads {
  const heard = new Map<string, Heard>();
  for (const name of announcers) heard.set(name, { number: -1, atMs: startedAtMs });
  let waiting: HeadNotice | undefined;
  let newestAtMs: number | undefined;
  let highest: number | undefined;

  function isStale(provider: string, nowMs: number): boolean {
    return announcers.includes(provider) && nowMs - (heard.get(provider)?.atMs ?? startedAtMs) > staleAfterMs;
  }

  /** What nobody stands by any more does not count: a false head far above would make every true one look old for ever. */
  function highestNow(head: HeadNotice): number {
    let number = head.number;
    for (const other of heard.values()) {
      if (head.seenAtMs - other.atMs <= staleAfterMs) number = Math.max(number, other.number);
    }
    return number;
  }

  return {
    offer(head, tip) {
      const before = heard.get(head.from);
      // A repeated announcement of an old block is no sign of life of the chain.
      if (!before || head.number !== before.number)
        heard.set(head.from, { number: head.number, atMs: head.seenAtMs });
      if (highest === undefined || head.number > highest) newestAtMs = head.seenAtMs;
      highest = highestNow(head);
      const isHigher = !tip || head.number > tip.number;
      const changedItsMind = before !== undefined && before.number >= head.number;
      if (!isHigher && (!changedItsMind || tip.hash === head.hash)) return false;
      if (waiting && waiting.number > head.number && waiting.from !== head.from) return false;
      waiting = head;
      return true;
    },
    take() {
      const head = waiting;
      waiting = undefined;
      return head;
    },
    isStale,
    overtaken(nowMs) {
      const names = announcers.filter((name) => {
        const number = heard.get(name)?.number ?? -1;
        return isStale(name, nowMs) && highest !== undefined && number < highest;
      });
      for (const name of names) heard.set(name, { number: heard.get(name)?.number ?? -1, atMs: nowMs });
      return names;
    },
    isQuiet: (nowMs) => nowMs - (newestAtMs ?? startedAtMs) > staleAfterMs,
    get heardAtMs() {
      return newestAtMs;
    },
    get highest() {
      return highest;
    },
  };
}
