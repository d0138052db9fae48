import { isDynamic, headWords, isHashedWhenIndexed, type AbiType } from "./abi-type.ts";
import { readEvent, type EventShape } from "./event.ts";
import { fitter, isAddressWord } from "./fit.ts";
import { arrayBase, arrayCount, contentAt, dataStart, wordDigits } from "./navigate.ts";
import { memoByLog } from "./memo.ts";
import { labelOf } from "./path.ts";
import { createProblems } from "./problems.ts";
import type { DecodedValue, DecodedEvent, FilterableLog } from "./types.ts";
import { digitsOf, readable } from "./value.ts";

/** Reads the logs of one event. Compiled once per signature; knows no filter. */
export interface EventReader {
  readonly shape: EventShape;
  /** Type of the data: the arguments that are not indexed, as a tuple. */
  readonly data: AbiType & { readonly kind: "tuple" };
  /** By argument: its topic's index, or its field in `data`. */
  readonly places: readonly ({ readonly topic: number } | { readonly field: number })[];
  /** Why this log is not this event; null when every argument can be decoded. */
  misfit(log: FilterableLog): string | null;
  /** The same question without the words. */
  fits(log: FilterableLog): boolean;
  /** Only for a log that fits. */
  decode(log: FilterableLog): DecodedEvent;
}

const readers = new Map<string, EventReader>();
/** Signatures are few (a thousand cover most chains); when they are not, the oldest are compiled again. */
const readersMax = 10_000;

/** The reader of a signature in normal form. Shared: many filters want the same event. */
export function eventReader(signature: string): EventReader {
  const known = readers.get(signature);
  if (known !== undefined) return known;
  const reader = createEventReader(signature);
  const oldest = readers.size >= readersMax ? readers.keys().next() : undefined;
  if (oldest?.done === false) readers.delete(oldest.value);
  readers.set(signature, reader);
  return reader;
}

function createEventReader(signature: string): EventReader {
  const problems = createProblems();
  const shape = readEvent(signature, "", problems);
  if (shape === undefined)
    throw new TypeError(`not a parsed signature: ${signature}: ${problems.list[0]?.reason}`);
  const firstTopic = shape.topic0 === null ? 0 : 1;
  const indexed = shape.arguments.filter((argument) => argument.indexed);
  const plain = shape.arguments.filter((argument) => !argument.indexed);
  const data = { kind: "tuple", fields: plain } as const;
  const places = shape.arguments.map((argument) =>
    argument.indexed ? { topic: firstTopic + indexed.indexOf(argument) } : { field: plain.indexOf(argument) },
  );
  const topics = firstTopic + indexed.length;
  const addressTopics = indexed.flatMap((argument, at) =>
    argument.type.kind === "address" ? [firstTopic + at] : [],
  );
  const dataFits = fitter(data);
  const fits = memoByLog(
    (log) =>
      log.topics.length === topics &&
      (shape.topic0 === null || log.topics[0] === shape.topic0) &&
      dataFits(log.data, dataStart) &&
      addressTopics.every((at) => isAddressWord(log.topics[at] ?? "", 2)),
  );
  return {
    shape,
    data,
    places,
    fits,
    misfit(log) {
      if (shape.topic0 !== null && log.topics[0] !== shape.topic0)
        return `its first topic is not that of ${shape.signature}`;
      if (log.topics.length !== topics) {
        return `it has ${log.topics.length} topics, and ${shape.full} has ${topics}: other arguments are indexed`;
      }
      return fits(log) ? null : `its data does not fit ${shape.signature}`;
    },
    decode: decoder(shape, data, places),
  };
}

type Decode = (data: string, content: number) => DecodedValue;

function decoder(
  shape: EventShape,
  data: AbiType & { kind: "tuple" },
  places: EventReader["places"],
): (log: FilterableLog) => DecodedEvent {
  const heads = headsOf(data);
  const args = shape.arguments.map((argument, index) => {
    const place = places[index] ?? { topic: 0 };
    const label = labelOfArgument(index, shape.arguments);
    if ("topic" in place) {
      const { topic } = place;
      const type: AbiType = isHashedWhenIndexed(argument.type)
        ? { kind: "fixedBytes", size: 32 }
        : argument.type;
      return {
        label,
        read: (log: FilterableLog): DecodedValue =>
          readable(type, digitsOf(type, log.topics[topic] ?? "", 2)),
      };
    }
    const decode = decodeOf(argument.type);
    const head = heads[place.field] ?? 0;
    const dynamic = isDynamic(argument.type);
    return {
      label,
      read: (log: FilterableLog): DecodedValue =>
        decode(log.data, contentAt(log.data, dataStart, head, dynamic)),
    };
  });
  const { name, signature } = shape;
  return (log) => {
    const decoded: Record<string, DecodedValue> = {};
    for (const { label, read } of args) decoded[label] = read(log);
    return { name, signature, args: decoded };
  };
}

/** As `labelOf`, but an argument may be called `and`: here it is no operator. */
function labelOfArgument(index: number, fields: readonly { readonly name: string }[]): string {
  const name = fields[index]?.name ?? "";
  return ["and", "or", "not"].includes(name) && fields.filter((field) => field.name === name).length === 1
    ? name
    : labelOf(index, fields);
}

function headsOf({ fields }: AbiType & { kind: "tuple" }): readonly number[] {
  let head = 0;
  return fields.map((field) => {
    const at = head;
    head += headWords(field.type) * wordDigits;
    return at;
  });
}

function decodeOf(type: AbiType): Decode {
  if (type.kind === "tuple") {
    const heads = headsOf(type);
    const fields = type.fields.map((field, index) => ({
      label: labelOfArgument(index, type.fields),
      head: heads[index] ?? 0,
      dynamic: isDynamic(field.type),
      decode: decodeOf(field.type),
    }));
    return (data, content) =>
      Object.fromEntries(
        fields.map(({ label, head, dynamic, decode }) => [
          label,
          decode(data, contentAt(data, content, head, dynamic)),
        ]),
      );
  }
  if (type.kind === "array") {
    const decode = decodeOf(type.of);
    const dynamic = isDynamic(type.of);
    const stride = headWords(type.of) * wordDigits;
    return (data, content) => {
      const base = arrayBase(content, type.length);
      const count = arrayCount(data, content, type.length);
      return Array.from({ length: count }, (_, index) =>
        decode(data, contentAt(data, base, index * stride, dynamic)),
      );
    };
  }
  return (data, content) => readable(type, digitsOf(type, data, content));
}
