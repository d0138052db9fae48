import { describe, expect, test } from "vitest";
import { createHeads, type Heads } from "./heads.ts";
import type { HeadNotice } from "./model.ts";

const head = (number: number, hash: string, from = "a", seenAtMs = 0): HeadNotice => ({
  number,
  hash,
  parentHash: "",
  header: null,
  from,
  seenAtMs,
});

const make = (): Heads => createHeads({ staleAfterMs: 100, announcers: ["a", "b"], startedAtMs: 0 });

describe("which head is followed", () => {
  test("a higher one, whoever announces it", () => {
    const heads = make();
    expect(heads.offer(head(11, "x", "b"), { number: 10, hash: "t" })).toBe(true);
    expect(heads.take()?.hash).toBe("x");
    expect(heads.take()).toBeUndefined();
  });

  test("a lower or equal one only from a provider that stood as high before: it changed its mind", () => {
    const heads = make();
    heads.offer(head(10, "t", "a"), undefined);
    heads.take();
    expect(heads.offer(head(10, "other", "b"), { number: 10, hash: "t" })).toBe(false);
    expect(heads.offer(head(9, "other", "a"), { number: 10, hash: "t" })).toBe(true);
  });

  test("a repeated announcement of the tip is nothing new", () => {
    const heads = make();
    heads.offer(head(10, "t", "a"), undefined);
    heads.take();
    expect(heads.offer(head(10, "t", "a"), { number: 10, hash: "t" })).toBe(false);
  });

  test("the last one, if several come before the loop looks: a reorg's blocks are announced from below", () => {
    const heads = make();
    for (const number of [12, 10, 11]) heads.offer(head(number, `n${number}`), { number: 5, hash: "t" });
    expect(heads.take()?.number).toBe(11);
  });
});

describe("which provider is stale", () => {
  test("one that announced nothing new for three block times, repeats not counted", () => {
    const heads = make();
    heads.offer(head(1, "x", "a", 50), undefined);
    heads.offer(head(1, "x", "a", 140), undefined);
    expect(heads.isStale("a", 149)).toBe(false);
    expect(heads.isStale("a", 151)).toBe(true);
    expect(heads.isStale("an http provider", 10_000)).toBe(false);
  });

  test("one that others have overtaken is named, once in three block times", () => {
    const heads = make();
    heads.offer(head(1, "x", "a", 10), undefined);
    heads.offer(head(2, "y", "b", 120), undefined);
    expect(heads.overtaken(121)).toEqual(["a"]);
    expect(heads.overtaken(122)).toEqual([]);
    heads.offer(head(3, "z", "b", 230), undefined);
    expect(heads.overtaken(231)).toEqual(["a"]);
  });

  test("a false head far above does not make every true one look old for ever", () => {
    const heads = make();
    heads.offer(head(1_000_000, "lie", "b", 10), undefined);
    heads.offer(head(5, "x", "a", 20), undefined);
    expect(heads.highest).toBe(1_000_000);
    heads.offer(head(6, "y", "a", 120), undefined);
    heads.offer(head(7, "z", "a", 220), undefined);
    expect(heads.highest).toBe(7);
    expect(heads.heardAtMs).toBe(220);
    expect(heads.isQuiet(300)).toBe(false);
  });

  test("no one, while the chain stands still for everybody", () => {
    const heads = make();
    heads.offer(head(1, "x", "a", 10), undefined);
    heads.offer(head(1, "x", "b", 10), undefined);
    expect(heads.overtaken(10_000)).toEqual([]);
    expect(heads.isQuiet(10_000)).toBe(true);
  });
});
