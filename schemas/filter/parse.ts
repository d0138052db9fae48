import { isHashedWhenIndexed } from "./abi-type.ts";
import { readEvent } from "./event.ts";
import { argumentsPlace } from "./path.ts";
import { createProblems, isRecord, shown, type Problems } from "./problems.ts";
import { didYouMean, nearest } from "./suggest.ts";
import {
  filterLimits,
  type AddressSelection,
  type EventFilter,
  type Filter,
  type FilterContext,
  type ParsedFilter,
} from "./types.ts";
import { parseWhere } from "./where.ts";

const keys = ["chains", "addresses", "topics", "event", "where", "events"] as const;

/** Names of address lists: short, and safe to show anywhere. */
export const listNamePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/**
 * Reads a user's filter. Never throws; every problem is told at once, with its place and a suggestion where there is one.
 * An empty object is the filter that every log matches.
 *
 * @example
 * parseFilter({
 *   chains: ["ethereum"],
 *   addresses: ["0xdAC17F958D2ee523a2206206994597C13D831ec7"],
 *   event: "Transfer(address indexed from, address indexed to, uint256 value)",
 *   where: { value: { gte: "1000000000" }, or: [{ from: "0x…" }, { to: "0x…" }] },
 * }, { chains: builtInChains });
 */
export function parseFilter(input: unknown, context: FilterContext = {}): ParsedFilter {
  const problems = createProblems();
  if (!isRecord(input)) {
    problems.add("", `a filter is an object, found ${shown(input)}`);
    return { ok: false, problems: problems.list };
  }
  for (const key of Object.keys(input)) {
    if (!keys.some((known) => known === key))
      problems.add(key, `unknown key; a filter has ${keys.join(", ")}`, didYouMean(key, keys));
  }
  const filter: Filter = {
    chains: readChains(input["chains"], context, problems),
    addresses: readAddresses(input["addresses"], context, problems),
    topics: readTopics(input["topics"], problems),
    events: readEvents(input, problems),
  };
  if (filter.topics !== null && filter.events !== null) {
    problems.add(
      "topics",
      "a filter has topics or an event, not both",
      "an event implies its first topic; put the others in `where`",
    );
  }
  return problems.list.length === 0 ? { ok: true, filter } : { ok: false, problems: problems.list };
}

function isAbsent(input: unknown): boolean {
  return input === undefined || input === null;
}

/** A list that is not empty, or one item in its place. */
function listOf(
  input: unknown,
  path: string,
  what: string,
  max: number,
  problems: Problems,
): readonly unknown[] | null {
  if (isAbsent(input)) return null;
  const items: readonly unknown[] = Array.isArray(input) ? input : [input];
  if (items.length === 0) {
    problems.add(path, `an empty list matches no ${what}`, `leave \`${path}\` out to accept every ${what}`);
    return null;
  }
  if (items.length > max) {
    problems.add(path, `${items.length} entries; at most ${max}`);
    return null;
  }
  return items;
}

function readChains(input: unknown, context: FilterContext, problems: Problems): readonly number[] | null {
  const known = context.chains ?? [];
  const items = listOf(input, "chains", "chain", 1_000, problems);
  if (items === null) return null;
  const ids = new Set<number>();
  for (const [index, item] of items.entries()) {
    const path = `chains[${index}]`;
    const id = typeof item === "string" && /^\d{1,15}$/.test(item) ? Number(item) : item;
    if (typeof id === "number" && Number.isSafeInteger(id) && id > 0) {
      if (known.length === 0 || known.some((chain) => chain.id === id)) ids.add(id);
      else
        problems.add(
          path,
          `chain ${id} is not watched here; there are ${known.map((chain) => `${chain.name} (${chain.id})`).join(", ")}`,
        );
      continue;
    }
    const names = known.map((chain) => chain.name);
    const named = known.find((chain) => typeof item === "string" && chain.name === item.toLowerCase());
    if (named !== undefined) ids.add(named.id);
    else if (typeof item === "string")
      problems.add(
        path,
        `no chain is called ${shown(item)}${names.length > 0 ? `; there are ${names.join(", ")}` : ""}`,
        chainHint(item, names),
      );
    else problems.add(path, `expected a chain's name or id, found ${shown(item)}`);
  }
  return [...ids].toSorted((a, b) => a - b);
}

const chainAliases: Readonly<Record<string, string>> = {
  eth: "ethereum",
  mainnet: "ethereum",
  arb: "arbitrum",
  "arbitrum one": "arbitrum",
  op: "optimism",
  "op mainnet": "optimism",
};

function chainHint(item: string, names: readonly string[]): string | null {
  const alias = chainAliases[item.toLowerCase()];
  return alias !== undefined && names.includes(alias) ? `did you mean "${alias}"?` : didYouMean(item, names);
}

function readAddresses(input: unknown, context: FilterContext, problems: Problems): AddressSelection | null {
  if (isRecord(input)) return readList(input, context, problems);
  const items = listOf(input, "addresses", "contract", filterLimits.addresses, problems);
  if (items === null) {
    if (Array.isArray(input) && input.length > filterLimits.addresses)
      problems.add(
        "addresses",
        "too long to be written out",
        'keep a named list and write {"list": "its-name"}',
      );
    return null;
  }
  const addresses = new Set<string>();
  for (const [index, item] of items.entries()) {
    const path = Array.isArray(input) ? `addresses[${index}]` : "addresses";
    if (typeof item === "string" && /^0[xX][0-9a-fA-F]{40}$/.test(item)) addresses.add(item.toLowerCase());
    else
      problems.add(
        path,
        `not an address: expected 0x and 40 hex digits, found ${shown(item)}`,
        addressHint(item),
      );
  }
  return { kind: "inline", addresses: [...addresses].toSorted() };
}

function addressHint(item: unknown): string | null {
  if (isRecord(item)) return 'a named list is written instead of the addresses: {"list": "its-name"}';
  if (typeof item !== "string") return null;
  if (/^[0-9a-fA-F]{40}$/.test(item)) return `write "0x${item}"`;
  if (item.trim() !== item) return "remove the spaces around it";
  if (/^0x[0-9a-fA-F]*$/.test(item)) return `it has ${item.length - 2} hex digits`;
  return item.includes(".eth") ? "names of ENS are not resolved: write the address" : null;
}

function readList(
  input: Record<string, unknown>,
  context: FilterContext,
  problems: Problems,
): AddressSelection | null {
  for (const key of Object.keys(input)) {
    if (key !== "list")
      problems.add(
        `addresses.${key}`,
        'unknown key; a named list is written {"list": "its-name"}',
        didYouMean(key, ["list"]),
      );
  }
  const name = input["list"];
  if (typeof name !== "string" || !listNamePattern.test(name)) {
    problems.add(
      "addresses.list",
      `expected the name of a list (letters, digits, ".", "_" and "-", at most 64), found ${shown(name)}`,
    );
    return null;
  }
  if (context.lists !== undefined && !context.lists.includes(name)) {
    problems.add("addresses.list", `there is no list called "${name}"`, didYouMean(name, context.lists));
  }
  return { kind: "list", name };
}

function readTopics(input: unknown, problems: Problems): readonly (readonly string[] | null)[] | null {
  if (isAbsent(input)) return null;
  if (!Array.isArray(input)) {
    problems.add(
      "topics",
      `expected a list by position, found ${shown(input)}`,
      "null accepts any topic at its position",
    );
    return null;
  }
  if (input.length > 4) problems.add("topics", `${input.length} positions; a log has at most 4 topics`);
  const positions = input.slice(0, 4).map((item: unknown, index) => readTopic(item, index, problems));
  // What accepts anything at the end says nothing.
  while (positions.length > 0 && positions.at(-1) === null) positions.pop();
  return positions.length === 0 ? null : positions;
}

function readTopic(input: unknown, position: number, problems: Problems): readonly string[] | null {
  const path = `topics[${position}]`;
  const items = listOf(input, path, "topic", filterLimits.topicAlternatives, problems);
  if (items === null) return null;
  const topics = new Set<string>();
  for (const [index, item] of items.entries()) {
    const at = Array.isArray(input) ? `${path}[${index}]` : path;
    if (typeof item === "string" && /^0[xX][0-9a-fA-F]{64}$/.test(item)) topics.add(item.toLowerCase());
    else
      problems.add(at, `not a topic: expected 0x and 64 hex digits, found ${shown(item)}`, topicHint(item));
  }
  return [...topics].toSorted();
}

function topicHint(item: unknown): string | null {
  if (typeof item !== "string") return null;
  if (/^0x[0-9a-fA-F]{40}$/.test(item))
    return `an address is padded to 32 bytes in a topic: "0x${"0".repeat(24)}${item.slice(2).toLowerCase()}"`;
  return /^\w+\(.*\)$/.test(item) ? `write the event instead: "event": ${JSON.stringify(item)}` : null;
}

function readEvents(input: Record<string, unknown>, problems: Problems): readonly EventFilter[] | null {
  const { event, where, events } = input;
  if (!isAbsent(events)) {
    if (!isAbsent(event) || !isAbsent(where))
      problems.add("events", "either `events`, or `event` with `where`", "move them into `events`");
    const items = listOf(events, "events", "event", filterLimits.events, problems);
    return items === null
      ? null
      : items.flatMap((item, index) => readEventFilter(item, `events[${index}]`, problems));
  }
  if (isAbsent(event)) {
    if (!isAbsent(where))
      problems.add(
        "where",
        "conditions need an event whose arguments they are on",
        'add "event": "Transfer(address indexed from, …)"',
      );
    return null;
  }
  return readOne(event, "event", where, "where", problems);
}

/** `{event, where}`, or the event alone. */
function readEventFilter(item: unknown, path: string, problems: Problems): readonly EventFilter[] {
  if (!isRecord(item) || !("event" in item)) return readOne(item, path, undefined, path, problems);
  for (const key of Object.keys(item)) {
    if (key !== "event" && key !== "where")
      problems.add(`${path}.${key}`, "unknown key; there are event, where", nearest(key, ["event", "where"]));
  }
  return readOne(item["event"], `${path}.event`, item["where"], `${path}.where`, problems);
}

function readOne(
  event: unknown,
  at: string,
  where: unknown,
  whereAt: string,
  problems: Problems,
): readonly EventFilter[] {
  const shape = readEvent(event, at, problems);
  if (shape === undefined) return [];
  if (isAbsent(where)) return [{ signature: shape.full, where: null }];
  const place = argumentsPlace(
    shape.arguments,
    shape.name,
    (argument) => argument.indexed && isHashedWhenIndexed(argument.type),
  );
  const condition = parseWhere(where, place, whereAt, problems);
  return condition === undefined ? [] : [{ signature: shape.full, where: condition }];
}
