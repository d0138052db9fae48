import { isHashedWhenIndexed, type AbiType } from "./abi-type.ts";
import type { EventReader } from "./event-reader.ts";
import type { Comparison, Condition } from "./types.ts";
import { digitsOfHashed, digitsOfLiteral } from "./value.ts";

/** A topic behind the first that a log must have, lower-case `0x` text. */
export interface TopicKey {
  /** 1, 2 or 3. */
  readonly position: number;
  readonly topic: string;
}

/** More keys than this are no help to an index. */
const keysMax = 20_000;

/**
 * Keys of which every log that meets the condition has at least one; null when there are none such. They let an index
 * find `from is me` or `from or to is me` among any number of filters for one event.
 */
export function topicKeysOf(condition: Condition, event: EventReader): readonly TopicKey[] | null {
  switch (condition.kind) {
    case "compare":
      return keysOfComparison(condition, event);
    case "and": {
      const found = condition.of.map((child) => topicKeysOf(child, event)).filter((keys) => keys !== null);
      return found.toSorted((a, b) => a.length - b.length)[0] ?? null;
    }
    case "or":
      return unionOf(condition.of.map((child) => topicKeysOf(child, event)));
    case "not":
    case "any":
    case "all":
      return null;
  }
}

/** Keys of alternatives: null when one of them has none. */
export function unionOf(all: readonly (readonly TopicKey[] | null)[]): readonly TopicKey[] | null {
  const keys = new Map<string, TopicKey>();
  for (const some of all) {
    if (some === null) return null;
    for (const key of some) keys.set(`${key.position}${key.topic}`, key);
  }
  return keys.size > keysMax ? null : [...keys.values()];
}

function keysOfComparison(
  { path, operator, values }: Comparison,
  event: EventReader,
): readonly TopicKey[] | null {
  const [step, more] = path;
  if (step?.kind !== "field" || more !== undefined || (operator !== "eq" && operator !== "in")) return null;
  const place = event.places[step.index];
  const type = event.shape.arguments[step.index]?.type;
  if (type === undefined || place === undefined || !("topic" in place) || place.topic === 0) return null;
  const isHashed = isHashedWhenIndexed(type);
  // Of a smaller type only some digits count, so that its topic is not one text.
  if (!isHashed && !fillsWord(type)) return null;
  return values.map((value) => {
    const digits = isHashed ? digitsOfHashed(type, value) : digitsOfLiteral(type, value);
    return { position: place.topic, topic: `0x${digits.padStart(64, "0")}` };
  });
}

/** True when a topic of this type is one text for each value: an address must have zeros before it. */
function fillsWord(type: AbiType): boolean {
  if (type.kind === "uint" || type.kind === "int") return type.bits === 256;
  return type.kind === "address" || (type.kind === "fixedBytes" && type.size === 32);
}
