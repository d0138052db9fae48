import type { Finality, Log, PayloadFormat } from "@ethhook/schemas";
import { compileFilter, parseFilter, type FilterContext } from "@ethhook/schemas/filter";
import { createAddressLists, type AddressLists } from "./address-lists.ts";
import { createFilterIndex, type FilterIndex } from "./filter-index.ts";
import type { Match, Subscription } from "./subscription.ts";

/** One row of `filter_versions`. */
export interface FilterVersion {
  readonly version: number;
  readonly endpointId: string;
  readonly applicationId: string;
  readonly userId: string;
  /** Null when the endpoint was deleted. */
  readonly subscription: {
    readonly filter: unknown;
    readonly finality: Finality;
    readonly format: PayloadFormat;
    readonly sendRemoved: boolean;
  } | null;
  readonly createdAtMs: number;
}

/**
 * All subscriptions of a span of versions, from the oldest that is still needed to the newest that was read. One index
 * holds them all, each with the versions it stands for, so that a change costs what it changes and no version is ever missing.
 */
export interface FilterSet {
  /**
   * Takes the next version. Rows come in ascending order of `version`; those at or below `oldest` are the state at `oldest`.
   * @returns why the row's filter cannot be read (then it matches nothing), else null.
   */
  apply(row: FilterVersion): string | null;
  /** The versions that can be matched with, both included. */
  readonly oldest: () => number;
  readonly newest: () => number;
  /** The newest version that was created by `timeMs` (Unix): at least `oldest`. */
  versionAt(timeMs: number): number;
  /** Every subscription of one finality and version that accepts the log. */
  match(log: Log, finality: Finality, version: number): readonly Match[];
  /** Forgets versions below `version`. */
  prune(version: number): void;
  /** Subscriptions in memory of one finality, of any version. */
  size(finality: Finality): number;
  /** The named lists, by `listKey`; whoever reads them from the database fills them. */
  readonly lists: AddressLists;
  /** Takes note of a version that changed no filter. */
  advance(version: number, createdAtMs: number): void;
}

/**
 * @param oldest the version whose whole state is applied first; 0 for an empty beginning.
 * @param chains those that filters may name.
 */
export function createFilterSet(oldest: number, chains: NonNullable<FilterContext["chains"]>): FilterSet {
  const lists = createAddressLists();
  const indexes: Record<Finality, FilterIndex> = {
    latest: createFilterIndex(lists),
    confirmed: createFilterIndex(lists),
    finalized: createFilterIndex(lists),
  };
  const standing = new Map<string, Subscription>();
  let ended: Subscription[] = [];
  /** Versions above `oldest`, ascending, and by when each had been created. */
  let steps: { readonly version: number; readonly createdAtMs: number }[] = [];
  let first = oldest;
  let last = oldest;

  function end(subscription: Subscription, version: number): void {
    subscription.until = version;
    if (version <= first) indexes[subscription.finality].remove(subscription);
    else ended.push(subscription);
  }

  function advance(version: number, createdAtMs: number): void {
    if (version <= last) return;
    last = version;
    // Clocks may step back between two writers; versions do not.
    steps.push({ version, createdAtMs: Math.max(createdAtMs, steps.at(-1)?.createdAtMs ?? 0) });
  }

  return {
    lists,
    advance,
    apply(row) {
      const before = standing.get(row.endpointId);
      if (before !== undefined) end(before, row.version);
      standing.delete(row.endpointId);
      advance(row.version, row.createdAtMs);
      if (row.subscription === null) return null;
      const { filter, finality, format, sendRemoved } = row.subscription;
      const parsed = parseFilter(filter, { chains });
      if (!parsed.ok) return parsed.problems.map(({ path, reason }) => `${path}: ${reason}`).join("; ");
      const { endpointId, applicationId, userId, version } = row;
      const compiled = compileFilter(parsed.filter);
      const subscription: Subscription = {
        endpointId,
        applicationId,
        userId,
        finality,
        format,
        sendRemoved,
        filter: compiled,
        isFiledTwice: new Set(compiled.topicKeys?.map((key) => key.position)).size > 1,
        since: version,
        until: Number.POSITIVE_INFINITY,
      };
      standing.set(endpointId, subscription);
      indexes[finality].add(subscription);
      return null;
    },
    oldest: () => first,
    newest: () => last,
    versionAt(timeMs) {
      const newest = steps.at(-1);
      if (newest === undefined || newest.createdAtMs <= timeMs) return last;
      // A backlog asks for older versions log after log.
      let low = 0;
      let high = steps.length - 1;
      while (low < high) {
        const middle = (low + high) >> 1;
        if ((steps[middle]?.createdAtMs ?? 0) > timeMs) high = middle;
        else low = middle + 1;
      }
      return steps[low - 1]?.version ?? first;
    },
    match: (log, finality, version) => indexes[finality].match(log, version),
    prune(version) {
      if (version <= first) return;
      first = Math.min(version, last);
      for (const subscription of ended)
        if (subscription.until <= first) indexes[subscription.finality].remove(subscription);
      ended = ended.filter((subscription) => subscription.until > first);
      steps = steps.filter((step) => step.version > first);
      lists.prune(first);
    },
    size: (finality) => indexes[finality].size(),
  };
}
