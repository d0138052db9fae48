import fc from "fast-check";
import { expect, test } from "vitest";
import { isLargeList } from "../core/rpc/large-list.ts";
import { parseLargeAnswer } from "./large-answer.ts";

async function* cut(text: string, size: number): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function itemsOf(pieces: AsyncIterable<Buffer>): Promise<unknown[]> {
  const { result } = await parseLargeAnswer(pieces);
  if (!isLargeList(result)) return result as unknown[];
  const items: unknown[] = [];
  for await (const some of result) items.push(...some);
  return items;
}

test("whatever the items and wherever the text is cut, the same items come out", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.jsonValue()), fc.integer({ min: 1, max: 50 }), async (items, size) => {
      const text = JSON.stringify({ jsonrpc: "2.0", id: 7, result: items });
      expect(await itemsOf(cut(text, size))).toEqual(JSON.parse(text).result);
    }),
    { numRuns: 300 },
  );
});

test("a long list comes in parts, while the rest is on its way", async () => {
  const items = Array.from({ length: 10_000 }, (_, index) => ({ index, data: `0x${"ab".repeat(50)}` }));
  const text = JSON.stringify({ jsonrpc: "2.0", id: 7, result: items });
  let taken = 0;
  async function* pieces(): AsyncGenerator<Buffer> {
    for await (const piece of cut(text, 65_536)) {
      taken += piece.length;
      yield piece;
    }
  }
  const { id, result } = await parseLargeAnswer(pieces());
  expect(id).toBe(7);
  expect(taken).toBe(65_536);
  if (!isLargeList(result)) throw new Error("not a list in parts");
  const found: unknown[] = [];
  for await (const some of result) {
    expect(some.length).toBeLessThan(2_000);
    found.push(...some);
  }
  expect(found).toEqual(items);
});

test("whoever stops reading a list lets go of the answer", async () => {
  let isReleased = false;
  async function* pieces(): AsyncGenerator<Buffer> {
    try {
      for (;;) yield Buffer.from(`{"id":1,"result":[${'"0x00",'.repeat(20_000)}`);
    } finally {
      isReleased = true;
    }
  }
  const { result } = await parseLargeAnswer(pieces());
  if (!isLargeList(result)) throw new Error("not a list in parts");
  for await (const _ of result) break;
  expect(isReleased).toBe(true);
});

test("members in another order, errors and other results are read whole", async () => {
  expect(await parseLargeAnswer(cut('{"result":[1,2],"id":3}', 4))).toEqual({ result: [1, 2], id: 3 });
  expect(await parseLargeAnswer(cut('{"id":3,"error":{"code":1}}', 4))).toEqual({
    id: 3,
    error: { code: 1 },
  });
  expect(await parseLargeAnswer(cut('{"id":3,"result":{"a":[1]}}', 4))).toEqual({
    id: 3,
    result: { a: [1] },
  });
});

test("a list that breaks off is an error, not a short list", async () => {
  await expect(itemsOf(cut('{"id":3,"result":[1,2', 4))).rejects.toThrow(SyntaxError);
  await expect(itemsOf(cut('{"id":3,"result":[1,x]}', 4))).rejects.toThrow(SyntaxError);
});
