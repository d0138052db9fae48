import { fc, test } from "@fast-check/vitest";
import kafkajs from "kafkajs";
import { expect } from "vitest";
import { murmur2, partitionOf } from "./murmur2.ts";

const metadata = (partitions: number) =>
  Array.from({ length: partitions }, (_, partitionId) => ({
    partitionId,
    leader: 0,
    partitionErrorCode: 0,
    replicas: [],
    isr: [],
  }));

test.prop([fc.string({ unit: "binary", minLength: 1 }), fc.integer({ min: 1, max: 64 })])(
  "a key's partition is the one that kafkajs' Java-compatible partitioner chooses",
  (key, partitions) => {
    const theirs = kafkajs.Partitioners.DefaultPartitioner()({
      topic: "t",
      partitionMetadata: metadata(partitions),
      message: { key, value: null },
    });
    expect(partitionOf(key, partitions)).toBe(theirs);
  },
);

test("the hash is the Java client's own, by the vectors of its test suite", () => {
  const vectors: [string, number][] = [
    ["21", -973932308],
    ["foobar", -790332482],
    ["a-little-bit-long-string", -985981536],
    ["a-little-bit-longer-string", -1486304829],
    ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971],
    ["abc", 479470107],
  ];
  for (const [key, hash] of vectors) expect(murmur2(Buffer.from(key))).toBe(hash);
});
