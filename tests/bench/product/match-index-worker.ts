import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createFilterSet, type FilterSet } from "@ethhook/matcher/filter-set";
import { serve } from "../load/worker.ts";
import { absentAddress, filtersOf } from "./match-filters.ts";

export interface IndexFigures {
  readonly bytesPerAddress: number;
  readonly addFilterMs: number;
  readonly addFilterWorstMs: number;
}

const lists = 10;
const listAddresses = 100_000;
const manyFilters = 100_000;
const added = 1_000;

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Bytes that live after a collection. */
function liveBytes(): number {
  for (let round = 0; round < 3; round += 1) collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function subscribe(set: FilterSet, version: number, filter: unknown): void {
  const subscription = { filter, finality: "latest", format: "standard", sendRemoved: true } as const;
  const ids = { endpointId: `ep_${version}`, applicationId: "app_bench", userId: "usr_bench" };
  const problem = set.apply({ version, ...ids, subscription, createdAtMs: version });
  if (problem !== null) throw new Error(problem);
}

/** The index alone: what an address costs in memory, and what a filter costs that comes to 100,000 others. */
await serve<object, object>(async () => ({
  answer: async (): Promise<IndexFigures> => {
    const before = liveBytes();
    let set: FilterSet | undefined = createFilterSet(0, []);
    for (const [at, filter] of filtersOf({ endpoints: 10_000, matching: [] }).entries())
      subscribe(set, at + 1, filter);
    for (let list = 0; list < lists; list += 1) {
      const number = set.lists.numberOf(`usr_bench/list-${list}`);
      for (let at = 0; at < listAddresses; at += 1)
        set.lists.add(number, absentAddress((list + 1) * 10_000_000 + at), 1);
    }
    const addresses = lists * listAddresses + 10_000;
    const bytesPerAddress = (liveBytes() - before) / addresses;
    // Used after the measurement: what is not used any more may be collected before it.
    if (set.lists.size() !== lists * listAddresses) throw new Error("the lists are not whole");
    set = undefined;

    const many = createFilterSet(0, []);
    for (const [at, filter] of filtersOf({ endpoints: manyFilters, matching: [] }).entries())
      subscribe(many, at + 1, filter);
    const times = filtersOf({ endpoints: added, matching: [] }).map((filter, at) => {
      const startedMs = performance.now();
      subscribe(many, manyFilters + at + 1, filter);
      return performance.now() - startedMs;
    });
    const sorted = times.toSorted((a, b) => a - b);
    return { bytesPerAddress, addFilterMs: sorted[added / 2] ?? 0, addFilterWorstMs: sorted.at(-1) ?? 0 };
  },
  stop: async () => undefined,
}));
