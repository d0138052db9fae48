// Only this part of ethers: the whole one takes 8 MB more of memory.
import { EventFragment } from "ethers/abi";
import { abiTypeOf, typeName } from "./abi-type.ts";
import { keccakOfText } from "./keccak.ts";
import { isRecord, shown, type Problems } from "./problems.ts";
import { didYouMean, nearest } from "./suggest.ts";
import { filterLimits, type EventArgument } from "./types.ts";

/** An event as both the parser of conditions and the reader of logs need it. */
export interface EventShape {
  readonly name: string;
  /** ethers' full form, the normal form of a filter. */
  readonly full: string;
  /** `Transfer(address,address,uint256)`. */
  readonly signature: string;
  /** Keccak-256 of `signature`; null for an anonymous event, which has no such topic. */
  readonly topic0: string | null;
  readonly arguments: readonly EventArgument[];
}

const shapes = new Map<string, EventShape>();
/** Signatures are few (a thousand cover most chains); when they are not, the oldest are parsed again. */
const shapesMax = 10_000;

/** Reads an event from a signature or from ABI JSON (one item, or a list that holds one event). */
export function readEvent(input: unknown, path: string, problems: Problems): EventShape | undefined {
  const item = Array.isArray(input) ? onlyEvent(input, path, problems) : input;
  if (item === undefined) return undefined;
  if (typeof item === "string") return readSignature(item, path, problems);
  if (!isRecord(item))
    return problems.add(path, `expected an event's signature or its ABI JSON, found ${shown(item)}`);
  if (item["type"] !== undefined && item["type"] !== "event")
    return problems.add(path, `this ABI item is a ${shown(item["type"])}, not an event`);
  try {
    return shapeOf(EventFragment.from(item), path, problems);
  } catch {
    return problems.add(path, "this is not the ABI JSON of an event");
  }
}

function readSignature(text: string, path: string, problems: Problems): EventShape | undefined {
  const known = shapes.get(text);
  if (known !== undefined) return known;
  if (text.length > filterLimits.signatureChars)
    return problems.add(path, `the signature is longer than ${filterLimits.signatureChars} characters`);
  let fragment: EventFragment;
  try {
    fragment = parseSignature(text);
  } catch {
    return problems.add(path, `cannot read the event ${shown(text)}`, signatureHint(text));
  }
  const shape = shapeOf(fragment, path, problems);
  if (shape === undefined) return undefined;
  const oldest = shapes.size >= shapesMax ? shapes.keys().next() : undefined;
  if (oldest?.done === false) shapes.delete(oldest.value);
  shapes.set(text, shape);
  return shape;
}

/** ethers prints `anonymous` behind a signature, but does not read it. */
function parseSignature(text: string): EventFragment {
  const named = text.replace(/\)\s*anonymous\s*;?\s*$/, ")");
  const fragment = EventFragment.from(named.replace(/;\s*$/, ""));
  if (named === text) return fragment;
  const item: object = JSON.parse(fragment.format("json"));
  return EventFragment.from({ ...item, anonymous: true });
}

function onlyEvent(items: readonly unknown[], path: string, problems: Problems): unknown {
  const events = items.filter((item) => isRecord(item) && item["type"] === "event");
  if (events.length === 1) return events[0];
  const names = events.slice(0, 20).map((item) => String((item as Record<string, unknown>)["name"]));
  if (events.length === 0) return problems.add(path, "this ABI holds no event");
  return problems.add(
    path,
    `this ABI holds ${events.length} events: ${names.join(", ")}`,
    "give the item of one of them, or several in `events`",
  );
}

function shapeOf(fragment: EventFragment, path: string, problems: Problems): EventShape | undefined {
  const args: EventArgument[] = [];
  for (const param of fragment.inputs) {
    const type = abiTypeOf(param);
    if (type === undefined)
      return problems.add(path, `the type ${param.type} of "${param.name}" is not supported`);
    args.push({ name: param.name, type, indexed: param.indexed === true });
  }
  const indexed = args.filter((argument) => argument.indexed).length;
  const indexedMax = fragment.anonymous ? 4 : 3;
  if (indexed > indexedMax) {
    const reason = `${indexed} arguments are indexed; ${fragment.anonymous ? "an anonymous" : "an"} event has at most ${indexedMax}`;
    return problems.add(path, reason);
  }
  const signature = `${fragment.name}(${args.map((argument) => typeName(argument.type)).join(",")})`;
  const topic0 = fragment.anonymous ? null : keccakOfText(signature);
  return { name: fragment.name, full: fragment.format("full"), signature, topic0, arguments: args };
}

const knownTypes = ["address", "bool", "bytes", "bytes32", "bytes4", "string", "tuple", "int256"].concat([
  "uint256",
  "uint128",
  "uint64",
  "uint32",
  "uint16",
  "uint8",
  "int128",
  "int64",
  "int24",
]);

/** What is probably wrong with a signature that ethers did not read; it does not say. */
function signatureHint(text: string): string | null {
  if (!text.includes("(")) return 'write the argument types: "Transfer(address,address,uint256)"';
  const opened = text.split("(").length;
  const closed = text.split(")").length;
  if (opened !== closed)
    return opened > closed ? "a closing bracket is missing" : "an opening bracket is missing";
  for (const [, word = ""] of text.matchAll(/[(,]\s*([A-Za-z]\w*)/g)) {
    const isType = /^(u?int(\d+)?|bytes(\d+)?|address|bool|string|tuple)$/.test(word);
    if (!isType) return didYouMean(word, knownTypes) ?? `"${word}" is not a type`;
    const size = Number(/\d+$/.exec(word)?.[0] ?? (word.startsWith("bytes") ? 32 : 256));
    const valid = word.startsWith("bytes")
      ? size >= 1 && size <= 32
      : size % 8 === 0 && size >= 8 && size <= 256;
    if (!valid) return `there is no type "${word}"`;
  }
  for (const [, word = ""] of text.matchAll(/\s([A-Za-z]+)\s/g)) {
    if (word !== "indexed" && nearest(word, ["indexed"]) !== null) return didYouMean(word, ["indexed"]);
  }
  return 'expected the form "Transfer(address indexed from, address indexed to, uint256 value)"';
}
