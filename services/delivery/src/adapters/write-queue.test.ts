import { createLogger } from "@ethhook/kit";
import { expect, test } from "vitest";
import { createWriteQueue } from "./write-queue.ts";

/** A queue over a store that never takes a batch with the item 13, and what came of it. */
function createWorld(reduce?: (item: number) => number | undefined) {
  const lines: string[] = [];
  const written: number[] = [];
  let flushes = 0;
  const queue = createWriteQueue<number, string>({
    name: "numbers",
    batchMax: 100,
    logger: createLogger({
      name: "test",
      level: "warn",
      destination: { write: (line) => void lines.push(line) },
    }),
    async flush(items) {
      flushes += 1;
      if (items.includes(13)) throw Object.assign(new Error("bad data"), { code: "22P05" });
      written.push(...items);
      return items.map((item) => `wrote ${item}`);
    },
    ...(reduce === undefined ? {} : { reduce }),
  });
  return { queue, lines, written, flushes: () => flushes };
}

const upTo = (n: number) => Array.from({ length: n }, (_, item) => item);

test("what Postgres refuses as bad data is set aside, said once, and holds up nothing: the others are written in order", async () => {
  const { queue, lines, written, flushes } = createWorld();
  const results: (string | undefined)[] = [];
  const all = upTo(200).map((item) => queue.write(item).then((result) => void (results[item] = result)));
  await Promise.all(all.filter((_, item) => item !== 13));
  const others = upTo(200).filter((item) => item !== 13);
  expect(written).toEqual(others);
  expect(results).toEqual(upTo(200).map((item) => (item === 13 ? undefined : `wrote ${item}`)));
  expect(lines.filter((line) => line.includes("postgres.row-refused"))).toHaveLength(1);
  expect(queue.pending).toBe(0);
  expect(flushes()).toBeLessThan(40);
});

test("a refused item is written reduced, in its place, where something may be left out of it", async () => {
  const { queue, written } = createWorld((item) => (item === 13 ? 130 : undefined));
  const results = await Promise.all([12, 13, 14].map((item) => queue.write(item)));
  expect([results, written]).toEqual([
    ["wrote 12", "wrote 130", "wrote 14"],
    [12, 130, 14],
  ]);
});
