import type { ChainLog } from "../model.ts";

const topicBytes = 32;
const slabBytes = 1_048_576;

/** A log whose topics and data are bytes until someone looks: 50,000 of them fit where their text would not. */
class PackedLog implements ChainLog {
  readonly transactionHash: string;
  readonly transactionIndex: number;
  readonly logIndex: number;
  readonly address: string;
  readonly #topicCount: number;
  readonly #slab: Buffer;
  readonly #from: number;
  readonly #to: number;

  constructor(
    log: ChainLog,
    address: string,
    transactionHash: string,
    slab: Buffer,
    from: number,
    to: number,
  ) {
    this.transactionHash = transactionHash;
    this.transactionIndex = log.transactionIndex;
    this.logIndex = log.logIndex;
    this.address = address;
    this.#topicCount = log.topics.length;
    this.#slab = slab;
    this.#from = from;
    this.#to = to;
  }

  get topics(): readonly string[] {
    return Array.from({ length: this.#topicCount }, (_, index) => {
      const at = this.#from + index * topicBytes;
      return `0x${this.#slab.toString("hex", at, at + topicBytes)}`;
    });
  }

  get data(): string {
    return `0x${this.#slab.toString("hex", this.#from + this.#topicCount * topicBytes, this.#to)}`;
  }
}

/**
 * Packs the logs of one block into shared slabs of memory.
 * @returns a function that packs a log; null if its topics or data are not hex.
 */
export function createLogPacker(): (log: ChainLog) => ChainLog | null {
  let slab = Buffer.alloc(0);
  let used = 0;
  // The same few contracts and transactions repeat through a block: one text each is enough.
  const texts = new Map<string, string>();

  function shared(text: string): string {
    const known = texts.get(text);
    if (known !== undefined) return known;
    texts.set(text, text);
    return text;
  }

  return (log) => {
    const digits = log.topics.map((topic) => topic.slice(2)).join("") + log.data.slice(2);
    const size = digits.length / 2;
    if (used + size > slab.length) {
      slab = Buffer.allocUnsafeSlow(Math.max(slabBytes, size));
      used = 0;
    }
    const from = used;
    // Writing stops at the first pair that is not hex.
    if (slab.write(digits, from, "hex") !== size) return null;
    used += size;
    return new PackedLog(log, shared(log.address), shared(log.transactionHash), slab, from, used);
  };
}
