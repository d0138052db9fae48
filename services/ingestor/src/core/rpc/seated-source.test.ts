import { expect, test } from "vitest";
import type { VerifiedBlock } from "../model.ts";
import type { BlockSource } from "../ports.ts";
import { whileSeated } from "./seated-source.ts";

/** A source of endless blocks that counts what is fetched, and whether the range was left. */
function endless() {
  const seen = { fetched: 0, left: false };
  const source: BlockSource = {
    latest: () => Promise.reject(new Error("not asked for")),
    headerByHash: () => Promise.reject(new Error("not asked for")),
    block: () => Promise.resolve({ proof: "bloom" } as VerifiedBlock),
    finalized: () => Promise.resolve(null),
    async *range() {
      try {
        for (;;) {
          seen.fetched += 1;
          yield { proof: "bloom" } as VerifiedBlock;
        }
      } finally {
        seen.left = true;
      }
    },
  };
  return { source, seen };
}

test("a lost seat ends a back-fill at the next block, and the range behind it", async () => {
  const { source, seen } = endless();
  const seat = new AbortController();
  const seated = whileSeated(source, seat.signal, "base");
  const fill = async () => {
    for await (const _ of seated.range(1, 1_000_000)) if (seen.fetched === 3) seat.abort();
  };
  await expect(fill()).rejects.toThrow("base: the seat is lost");
  expect(seen).toEqual({ fetched: 4, left: true });
});

test("questions are answered while the seat is held and refused after", async () => {
  const seat = new AbortController();
  const seated = whileSeated(endless().source, seat.signal, "base");
  await expect(seated.finalized()).resolves.toBeNull();
  seat.abort();
  await expect(seated.finalized()).rejects.toThrow("the seat is lost");
  await expect(seated.block({ number: 1, hash: "0x1" }, {})).rejects.toThrow("the seat is lost");
});
