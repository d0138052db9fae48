import { AbiCoder, EventFragment, id, keccak256, ParamType, toUtf8Bytes, type Result } from "ethers";
import type { Comparison, Condition, FilterableLog, Path } from "@ethhook/schemas/filter";

/**
 * The filter language once more, slow and plain: values are decoded by ethers and compared as numbers and text.
 * What the compiled filter says must equal what this says.
 */

const coder = AbiCoder.defaultAbiCoder();

/** A decoded value: bigint, boolean, `0x` text, text in `{text}`, the hash of an indexed value in `{hash}`. */
export type Value =
  | bigint
  | boolean
  | string
  | { readonly text: string; readonly bytes: Buffer }
  | { readonly hash: string }
  | readonly Value[];

const hashed = (param: ParamType): boolean =>
  ["string", "bytes"].includes(param.type) || param.baseType === "array" || param.baseType === "tuple";

/** Bytes instead of text: whether bytes are UTF-8 is no question of whether the data fits. */
function withoutText(param: ParamType): ParamType {
  return ParamType.from(param.format("full").replaceAll(/\bstring\b/g, "bytes"));
}

function plain(value: unknown, param: ParamType): Value {
  if (param.isArray()) return (value as Result).map((item: unknown) => plain(item, param.arrayChildren));
  if (param.isTuple())
    return param.components.map((component, index) => plain((value as Result)[index], component));
  if (param.type === "string") {
    const bytes = Buffer.from(String(value).slice(2), "hex");
    return { text: bytes.toString("utf8"), bytes };
  }
  return typeof value === "string" ? value.toLowerCase() : (value as bigint | boolean);
}

/** ethers prints `anonymous`, but does not read it. */
export function eventOf(signature: string): EventFragment {
  const event = EventFragment.from(signature.replace(/ anonymous$/, ""));
  if (!signature.endsWith(" anonymous")) return event;
  const item: object = JSON.parse(event.format("json"));
  return EventFragment.from({ ...item, anonymous: true });
}

/** The arguments of the log, or undefined when it is not this event. */
export function decodeByEthers(signature: string, log: FilterableLog): readonly Value[] | undefined {
  const event = eventOf(signature);
  const first = event.anonymous ? 0 : 1;
  const indexed = event.inputs.filter((input) => input.indexed === true);
  const inData = event.inputs.filter((input) => input.indexed !== true);
  if (log.topics.length !== indexed.length + first) return undefined;
  if (!event.anonymous && log.topics[0] !== id(event.format("sighash"))) return undefined;
  try {
    const decoded = coder.decode(
      inData.map((input) => withoutText(input)),
      log.data,
      true,
    );
    const data = inData.map((input, index) => plain(decoded[index], input));
    const topics = indexed.map((input, index): Value => {
      const topic = log.topics[first + index] ?? "";
      return hashed(input) ? { hash: topic } : plain(coder.decode([input], topic)[0], input);
    });
    return event.inputs.map((input) => (input.indexed === true ? topics.shift() : data.shift()) as Value);
  } catch {
    return undefined;
  }
}

function follow(root: Value, path: Path): Value | undefined {
  let value: Value | undefined = root;
  for (const step of path) {
    if (value === undefined) return undefined;
    if (step.kind === "length") value = lengthOf(value);
    else value = (value as readonly Value[])[step.index];
  }
  return value;
}

function lengthOf(value: Value): bigint {
  if (Array.isArray(value)) return BigInt(value.length);
  if (typeof value === "string") return BigInt(value.length / 2 - 1);
  return BigInt((value as { bytes: Buffer }).bytes.length);
}

/** A condition over decoded values. `scope` is the list of arguments, or one element of an array. */
export function holds(condition: Condition, scope: Value, params: readonly ParamType[]): boolean {
  switch (condition.kind) {
    case "and":
      return condition.of.every((child) => holds(child, scope, params));
    case "or":
      return condition.of.some((child) => holds(child, scope, params));
    case "not":
      return !holds(condition.of, scope, params);
    case "any":
    case "all": {
      const elements = follow(scope, condition.path) as readonly Value[] | undefined;
      if (elements === undefined) return condition.kind === "all";
      const each = (element: Value): boolean => holds(condition.of, element, params);
      return condition.kind === "any" ? elements.some(each) : elements.every(each);
    }
    case "compare":
      return compare(condition, follow(scope, condition.path), params);
  }
}

function compare(
  { operator, values, path }: Comparison,
  value: Value | undefined,
  params: readonly ParamType[],
): boolean {
  const first = path[0];
  const topLevel = first?.kind === "field" ? params[first.index] : undefined;
  const equals = (wanted: string | boolean, to: Value | undefined = value): boolean =>
    isEqual(to, wanted, topLevel);
  const wanted = values[0] ?? "";
  switch (operator) {
    case "eq":
      return equals(wanted);
    case "ne":
      return !equals(wanted);
    case "in":
      return values.some((one) => equals(one));
    case "nin":
      return !values.some((one) => equals(one));
    case "lt":
      return value !== undefined && (value as bigint) < BigInt(wanted);
    case "lte":
      return value !== undefined && (value as bigint) <= BigInt(wanted);
    case "gt":
      return value !== undefined && (value as bigint) > BigInt(wanted);
    case "gte":
      return value !== undefined && (value as bigint) >= BigInt(wanted);
    case "contains":
      if (Array.isArray(value)) return (value as readonly Value[]).some((element) => equals(wanted, element));
      return value !== undefined && bytesOf(value).includes(bytesOfLiteral(value, wanted));
    case "startsWith": {
      if (value === undefined) return false;
      const prefix = bytesOfLiteral(value, wanted);
      return bytesOf(value).subarray(0, prefix.length).equals(prefix);
    }
  }
}

function isEqual(value: Value | undefined, wanted: string | boolean, param: ParamType | undefined): boolean {
  if (value === undefined) return false;
  if (typeof value === "bigint") return value === BigInt(wanted);
  if (typeof value === "boolean" || typeof value === "string") return value === wanted;
  if ("text" in value) return value.bytes.equals(Buffer.from(String(wanted), "utf8"));
  if (!("hash" in value)) return false;
  if (param?.type === "string") return value.hash === keccak256(toUtf8Bytes(String(wanted)));
  return value.hash === (param?.type === "bytes" ? keccak256(String(wanted)) : wanted);
}

function bytesOf(value: Value): Buffer {
  return typeof value === "string" ? Buffer.from(value.slice(2), "hex") : (value as { bytes: Buffer }).bytes;
}

function bytesOfLiteral(value: Value, wanted: string | boolean): Buffer {
  return typeof value === "string"
    ? Buffer.from(String(wanted).slice(2), "hex")
    : Buffer.from(String(wanted), "utf8");
}
