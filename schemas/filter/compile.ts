import { compileWhere, whereScope, type Clause } from "./condition.ts";
import { eventReader, type EventReader } from "./event-reader.ts";
import { topicKeysOf, unionOf, type TopicKey } from "./topic-keys.ts";
import type { DecodedEvent, Filter, FilterableLog, Verdict } from "./types.ts";

/** A filter that is ready to run. Chains and addresses are apart, because an index answers them for many filters at once. */
export interface CompiledFilter {
  readonly filter: Filter;
  /** First topics that can match, lower-case; null when any or none can. */
  readonly topic0s: readonly string[] | null;
  /** Later topics of which every match has at least one; null when the filter demands none. */
  readonly topicKeys: readonly TopicKey[] | null;
  /**
   * Which alternative of topics or events the log matches, chains and addresses aside.
   * @returns 0 for a filter by topics (or by nothing), the event's index, or -1 for none.
   */
  alternative(log: FilterableLog): number;
  /** The clause that matched, in words; at most 500 characters. Only for an alternative that matched. */
  clause(log: FilterableLog, alternative: number): string;
  /** The decoded event of an alternative that matched; null for a filter by topics. */
  decode(log: FilterableLog, alternative: number): DecodedEvent | null;
  /** Why no alternative matches. Only when none does. */
  whyNot(log: FilterableLog): string;
}

const clauseChars = 500;

/** Compiles a parsed filter: signatures become readers of words, literals become hex digits. */
export function compileFilter(filter: Filter): CompiledFilter {
  if (filter.events !== null) return compileEvents(filter, filter.events);
  const topics = filter.topics ?? [];
  const sets = topics.map((accepted) => (accepted === null ? null : new Set(accepted)));
  const refused = (log: FilterableLog): number =>
    sets.findIndex((set, at) => set !== null && !set.has(log.topics[at] ?? ""));
  const words = filter.topics === null ? "every log" : "topics";
  return {
    filter,
    topic0s: topics[0] ?? null,
    topicKeys: shortest(
      topics.slice(1).map((accepted, at) => accepted?.map((topic) => ({ position: at + 1, topic }))),
    ),
    alternative: (log) => (refused(log) === -1 ? 0 : -1),
    clause: () => words,
    decode: () => null,
    whyNot(log) {
      const at = refused(log);
      const found = log.topics[at];
      return found === undefined
        ? `it has no topic ${at}`
        : `topic ${at} is ${found}, which is not among the accepted`;
    },
  };
}

function shortest(lists: readonly (readonly TopicKey[] | undefined)[]): readonly TopicKey[] | null {
  const given = lists.filter((list) => list !== undefined);
  return given.toSorted((a, b) => a.length - b.length)[0] ?? null;
}

interface Alternative {
  readonly reader: EventReader;
  readonly where: Clause | null;
}

function compileEvents(filter: Filter, events: NonNullable<Filter["events"]>): CompiledFilter {
  const alternatives: Alternative[] = events.map(({ signature, where }) => {
    const reader = eventReader(signature);
    return { reader, where: where === null ? null : compileWhere(where, reader) };
  });
  const topic0s = alternatives.map(({ reader }) => reader.shape.topic0);
  return {
    filter,
    topic0s: topic0s.includes(null) ? null : [...new Set(topic0s.filter((topic) => topic !== null))],
    topicKeys: unionOf(
      alternatives.map(({ reader }, at) => {
        const where = events[at]?.where;
        return where === null || where === undefined ? null : topicKeysOf(where, reader);
      }),
    ),
    alternative: alternativeOf(alternatives),
    clause(log, at) {
      const one = alternatives[at];
      if (one === undefined) return "";
      const { name } = one.reader.shape;
      const words = one.where === null ? name : `${name} where ${one.where.why(log, whereScope)}`;
      return words.length > clauseChars ? `${words.slice(0, clauseChars - 1)}…` : words;
    },
    decode: (log, at) => alternatives[at]?.reader.decode(log) ?? null,
    whyNot: (log) => alternatives.map((one) => whyNotOne(one, log)).join("; "),
  };
}

function alternativeOf(alternatives: readonly Alternative[]): (log: FilterableLog) => number {
  const [only, ...more] = alternatives;
  // Nearly every filter has one event, and every log of that event asks it: as few calls as there can be.
  if (only !== undefined && more.length === 0) {
    const { fits } = only.reader;
    if (only.where === null) return (log) => (fits(log) ? 0 : -1);
    const { test } = only.where;
    return (log) => (fits(log) && test(log, whereScope) ? 0 : -1);
  }
  return (log) =>
    alternatives.findIndex(
      ({ reader, where }) => reader.fits(log) && (where === null || where.test(log, whereScope)),
    );
}

function whyNotOne({ reader, where }: Alternative, log: FilterableLog): string {
  return reader.misfit(log) ?? `${reader.shape.name}: ${where?.whyNot(log, whereScope) ?? ""}`;
}

/** Whether a named list holds an address. */
export type ListLookup = (list: string, address: string) => boolean;

/** Whether a filter accepts a log, and which clause did or why not. Pure. */
export function evaluate(
  compiled: CompiledFilter,
  log: FilterableLog,
  inList: ListLookup = () => false,
): Verdict {
  const { chains, addresses } = compiled.filter;
  if (chains !== null && !chains.includes(log.chainId))
    return { matched: false, reason: `chain ${log.chainId} is not among ${chains.join(", ")}` };
  if (addresses?.kind === "inline" && !addresses.addresses.includes(log.address)) {
    return {
      matched: false,
      reason: `contract ${log.address} is not among the ${addresses.addresses.length} addresses`,
    };
  }
  if (addresses?.kind === "list" && !inList(addresses.name, log.address)) {
    return { matched: false, reason: `contract ${log.address} is not in the list "${addresses.name}"` };
  }
  const at = compiled.alternative(log);
  if (at === -1) return { matched: false, reason: compiled.whyNot(log) };
  return { matched: true, clause: compiled.clause(log, at), event: compiled.decode(log, at) };
}
