import { fc, test } from "@fast-check/vitest";
import type { Finality, Log } from "@ethhook/schemas";
import { compileFilter, evaluate, parseFilter } from "@ethhook/schemas/filter";
import { expect } from "vitest";
import { createFilterSet, type FilterSet, type FilterVersion } from "./filter-set.ts";
import { listKey } from "./filter-index.ts";

const transfer = "Transfer(address indexed from, address indexed to, uint256 value)";
const transferTopic = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef";
const word = (n: number): string => `0x${n.toString(16).padStart(64, "0")}`;
const wallet = (n: number): string => `0x${n.toString(16).padStart(40, "0")}`;
const addresses = Array.from({ length: 6 }, (_, index) => `0x${String(index).repeat(40)}`);
const users = ["usr_a", "usr_b"];

const filter = fc
  .record(
    {
      chains: fc.subarray([1, 10, 8453], { minLength: 1 }),
      addresses: fc.oneof(
        fc.subarray(addresses, { minLength: 1 }),
        fc.constantFrom("x", "y").map((list) => ({ list })),
      ),
      rest: fc.oneof(
        fc.constant({}),
        fc.constantFrom(
          { topics: [transferTopic] },
          { topics: [null, word(1)] },
          { topics: [[transferTopic, word(9)], null, word(2)] },
        ),
        fc.nat(3).map((value) => ({ event: transfer, where: { value: { gte: value } } })),
        fc.constant({ events: [transfer, "Other(uint256 indexed a) anonymous"] }),
        fc.tuple(fc.nat(2), fc.nat(2)).map(([a, b]) => ({
          event: transfer,
          where: { or: [{ from: wallet(a) }, { to: { in: [wallet(b), wallet(9)] }, value: { lt: 3 } }] },
        })),
        fc.nat(2).map((a) => ({
          events: [
            { event: transfer, where: { to: wallet(a), value: 1 } },
            { event: "Other(uint256 indexed a) anonymous", where: { a: 3 } },
          ],
        })),
        fc.nat(2).map((a) => ({ event: transfer, where: { not: { to: wallet(a) } } })),
      ),
    },
    { requiredKeys: ["rest"] },
  )
  .map(({ rest, ...places }) => ({ ...places, ...rest }));

/** A change of one endpoint, or of one list. */
const change = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("filter" as const),
      endpoint: fc.nat(5),
      user: fc.constantFrom(...users),
      filter: fc.option(filter),
      finality: fc.constantFrom<Finality>("latest", "finalized"),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("list" as const),
      user: fc.constantFrom(...users),
      list: fc.constantFrom("x", "y"),
      address: fc.constantFrom(...addresses),
      isIn: fc.boolean(),
    }),
  },
);
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never;

const log: fc.Arbitrary<Log> = fc
  .record({
    chainId: fc.constantFrom(1, 10, 137),
    address: fc.constantFrom(...addresses),
    topics: fc.oneof<fc.Arbitrary<string[]>[]>(
      fc.constant([transferTopic, word(1), word(2)]),
      fc.constant([transferTopic, word(2), word(2)]),
      fc.constant([word(9), word(1)]),
      fc.constant([word(3)]),
      fc.constant([]),
    ),
    value: fc.nat(4),
  })
  .map(({ value, ...parts }) => ({
    v: 1,
    kind: "new",
    blockNumber: 1,
    blockHash: word(1),
    blockTimestamp: 1,
    transactionHash: word(1),
    transactionIndex: 0,
    logIndex: 0,
    data: word(value),
    sequence: 1,
    addedSequence: 1,
    proof: "none",
    seenAtMs: 0,
    ...parts,
  }));

function rowOf(one: Change & { kind: "filter" }, version: number): FilterVersion {
  const subscription =
    one.filter === null
      ? null
      : { filter: one.filter, finality: one.finality, format: "standard" as const, sendRemoved: true };
  return {
    version,
    endpointId: `ep_${one.endpoint}`,
    applicationId: "app_a",
    userId: one.user,
    subscription,
    createdAtMs: version,
  };
}

function applyTo(set: FilterSet, one: Change, version: number): void {
  if (one.kind === "filter") return void set.apply(rowOf(one, version));
  const list = set.lists.numberOf(listKey(one.user, one.list));
  if (one.isIn) set.lists.add(list, one.address, version);
  else set.lists.remove(list, one.address, version);
  set.advance(version, version);
}

/** The plain way: the newest row of each endpoint, evaluated one by one. */
function matchPlainly(changes: readonly Change[], of: Log, finality: Finality, version: number): string[] {
  const newest = new Map<string, FilterVersion>();
  const members = new Set<string>();
  for (const [index, one] of changes.slice(0, version).entries()) {
    if (one.kind === "filter") newest.set(`ep_${one.endpoint}`, rowOf(one, index + 1));
    else if (one.isIn) members.add(`${one.user}/${one.list}/${one.address}`);
    else members.delete(`${one.user}/${one.list}/${one.address}`);
  }
  const matches = [...newest.values()].filter(({ subscription, userId }) => {
    if (subscription === null || subscription.finality !== finality) return false;
    const parsed = parseFilter(subscription.filter);
    return (
      parsed.ok &&
      evaluate(compileFilter(parsed.filter), of, (list, address) =>
        members.has(`${userId}/${list}/${address}`),
      ).matched
    );
  });
  return matches.map(({ endpointId, version: since }) => `${endpointId}@${since}`).toSorted();
}

function matchedBy(set: FilterSet, of: Log, finality: Finality, version: number): string[] {
  return set
    .match(of, finality, version)
    .map(({ subscription }) => `${subscription.endpointId}@${subscription.since}`)
    .toSorted();
}

test.prop(
  [
    fc.array(change, { maxLength: 25 }),
    fc.array(log, { minLength: 1, maxLength: 5 }),
    fc.constantFrom<Finality>("latest", "finalized"),
    fc.nat(25),
  ],
  { numRuns: 500 },
)(
  "every version matches what evaluating its filters one by one matches, also after older ones were forgotten",
  (changes, logs, finality, forgotten) => {
    const set = createFilterSet(0, []);
    for (const [index, one] of changes.entries()) applyTo(set, one, index + 1);
    expect(set.newest()).toBe(changes.length);
    const check = (from: number): void => {
      for (let version = from; version <= changes.length; version += 1) {
        for (const one of logs)
          expect(matchedBy(set, one, finality, version)).toEqual(
            matchPlainly(changes, one, finality, version),
          );
      }
    };
    check(0);
    set.prune(forgotten);
    check(Math.min(forgotten, changes.length));
  },
);

test.prop([fc.uniqueArray(filter, { maxLength: 12, selector: (one) => JSON.stringify(one) }), log])(
  "what matches does not depend on the order in which filters came",
  (filters, of) => {
    const matched = (order: readonly number[]): string[] => {
      const set = createFilterSet(0, []);
      for (const [index, at] of order.entries()) {
        const one: Change = {
          kind: "filter",
          endpoint: at,
          user: "usr_a",
          filter: filters[at] ?? null,
          finality: "latest",
        };
        set.apply(rowOf(one, index + 1));
      }
      return set
        .match(of, "latest", order.length)
        .map(({ subscription }) => subscription.endpointId)
        .toSorted();
    };
    const order = filters.map((_, index) => index);
    expect(matched(order.toReversed())).toEqual(matched(order));
  },
);
