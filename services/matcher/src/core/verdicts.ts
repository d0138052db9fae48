import type { Wait } from "./ledger.ts";

/** What is known of an added block, as bits of a byte. */
const added = 1;
const removed = 2;
const finalBits: Readonly<Record<Wait, number>> = { confirmed: 4, finalized: 8 };

/**
 * What became of each block, a byte a ledger sequence: a week of the fastest chain is some megabytes, where entries would
 * be gigabytes. So the past stays decided long after the ledger in memory has gone on.
 */
export interface Verdicts {
  add(sequence: number): void;
  remove(sequence: number): void;
  finalize(sequence: number, wait: Wait): void;
  has(sequence: number): boolean;
  isRemoved(sequence: number): boolean;
  isFinal(sequence: number, wait: Wait): boolean;
  /** Takes over every block of others that no later record could decide otherwise. */
  learn(others: Verdicts): void;
  /** Pages of sequences, from the one that the first number stands for. */
  readonly pages: ReadonlyMap<number, Uint8Array>;
}

const pageSequences = 65_536;
/** 16 MB a chain: seven weeks of the fastest one. What is dropped can be read back again. */
const pagesMax = 256;

export function createVerdicts(): Verdicts {
  const pages = new Map<number, Uint8Array>();

  function of(sequence: number): number {
    return pages.get(Math.floor(sequence / pageSequences))?.[sequence % pageSequences] ?? 0;
  }

  function set(sequence: number, bits: number): void {
    const number = Math.floor(sequence / pageSequences);
    const page = pages.get(number) ?? new Uint8Array(pageSequences);
    pages.set(number, page);
    page[sequence % pageSequences] = (page[sequence % pageSequences] ?? 0) | bits;
    const [oldest] = pages.keys();
    if (pages.size > pagesMax && oldest !== undefined) pages.delete(oldest);
  }

  return {
    pages,
    add: (sequence) => set(sequence, added),
    remove: (sequence) => set(sequence, removed),
    finalize: (sequence, wait) => set(sequence, added | finalBits[wait]),
    has: (sequence) => (of(sequence) & added) !== 0,
    isRemoved: (sequence) => (of(sequence) & removed) !== 0,
    isFinal: (sequence, wait) => (of(sequence) & finalBits[wait]) !== 0,
    learn(others) {
      for (const [number, page] of others.pages) {
        for (const [at, bits] of page.entries()) if (isDecided(bits)) set(number * pageSequences + at, bits);
      }
    },
  };
}

function isDecided(bits: number): boolean {
  const final = finalBits.confirmed | finalBits.finalized;
  return (bits & added) !== 0 && ((bits & removed) !== 0 || (bits & final) === final);
}
