import { createCipheriv, createHash } from "node:crypto";

/** Repeatable randomness: the same seed gives the same data on every machine. */
export interface Random {
  /** Lower-case hex of that many bytes, without `0x`. */
  hex(bytes: number): string;
  /** A whole number from 0 to `n` - 1. */
  below(n: number): number;
  /** True with this probability. */
  chance(probability: number): boolean;
  /** From 0 to `n` - 1, the small ones far more often: how addresses come up on a chain. */
  skewed(n: number): number;
}

const poolBytes = 65_536;

export function createRandom(seed: string): Random {
  const key = createHash("sha256").update(seed).digest().subarray(0, 16);
  const cipher = createCipheriv("aes-128-ctr", key, Buffer.alloc(16));
  const zeros = Buffer.alloc(poolBytes);
  let pool = "";
  let at = 0;

  function hex(bytes: number): string {
    if (bytes > poolBytes) return hex(poolBytes) + hex(bytes - poolBytes);
    if (at + bytes * 2 > pool.length) {
      pool = cipher.update(zeros).toString("hex");
      at = 0;
    }
    at += bytes * 2;
    return pool.slice(at - bytes * 2, at);
  }
  const unit = (): number => Number.parseInt(hex(4), 16) / 2 ** 32;
  return {
    hex,
    below: (n) => Math.floor(unit() * n),
    chance: (probability) => unit() < probability,
    skewed: (n) => Math.floor(unit() ** 3 * n),
  };
}
