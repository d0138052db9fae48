import { typeName, type AbiType } from "./abi-type.ts";
import { didYouMean } from "./suggest.ts";
import type { EventArgument, Path, PathStep } from "./types.ts";

/** Where a condition stands: on named fields (an event's arguments, a tuple), or on one value. */
export type Place =
  | { readonly kind: "fields"; readonly fields: readonly ScopedField[]; readonly of: string }
  /** `hashed`: only the Keccak-256 hash of the value is there, as a topic. */
  | { readonly kind: "value"; readonly type: AbiType; readonly hashed: boolean };

export interface ScopedField {
  readonly name: string;
  readonly type: AbiType;
  readonly hashed: boolean;
}

export type Resolved =
  | { readonly ok: true; readonly path: Path; readonly place: Place }
  | { readonly ok: false; readonly reason: string; readonly suggestion: string | null };

/** An index above this is a mistake: no log is that long. */
const elementIndexMax = 1_000_000;

const reserved = new Set(["and", "or", "not"]);
const lengthType: AbiType = { kind: "uint", bits: 256 };

/** The arguments of an event, as the place of its conditions. */
export function argumentsPlace(
  args: readonly EventArgument[],
  eventName: string,
  hashed: (a: EventArgument) => boolean,
): Place {
  const fields = args.map((argument) => ({
    name: argument.name,
    type: argument.type,
    hashed: hashed(argument),
  }));
  return { kind: "fields", fields, of: eventName };
}

/** A tuple's conditions are on its fields; all other types have one value. */
export function placeOf(type: AbiType, hashed: boolean, name: string): Place {
  if (type.kind !== "tuple" || hashed) return { kind: "value", type, hashed };
  return { kind: "fields", fields: type.fields.map((field) => ({ ...field, hashed: false })), of: name };
}

/** Follows `orders[0].maker` from a place. Arguments without a name are called by position: `0`, `1`. */
export function resolvePath(text: string, from: Place): Resolved {
  let place = from;
  const path: PathStep[] = [];
  for (const token of tokens(text)) {
    if (token === undefined)
      return {
        ok: false,
        reason: `"${text}" is not a path`,
        suggestion: 'expected the form "orders[0].maker"',
      };
    const next = follow(token, place);
    if (!next.ok) return next;
    path.push(next.step);
    place = next.place;
  }
  return { ok: true, path, place };
}

/** Writes a path as `resolvePath` reads it. */
export function printPath(path: Path): string {
  let text = "";
  for (const step of path) {
    if (step.kind === "element") text += `[${step.index}]`;
    else text += `${text === "" ? "" : "."}${step.kind === "length" ? "length" : step.label}`;
  }
  return text;
}

function* tokens(text: string): Generator<string | undefined> {
  const pattern = /\.?([A-Za-z_$][\w$]*|\d+)|\[(\d+)\]/y;
  let at = 0;
  if (text === "" || text.startsWith(".")) yield undefined;
  while (at < text.length) {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found === null || (at > 0 && found[2] === undefined && !found[0].startsWith("."))) {
      yield undefined;
      return;
    }
    yield found[2] === undefined ? (found[1] ?? "") : `[${found[2]}]`;
    at = pattern.lastIndex;
  }
}

type Followed =
  | { readonly ok: true; readonly step: PathStep; readonly place: Place }
  | { readonly ok: false; readonly reason: string; readonly suggestion: string | null };

function follow(token: string, place: Place): Followed {
  if (place.kind === "fields") return followField(token, place);
  const { type, hashed } = place;
  if (hashed) {
    return refuse(
      `an indexed ${typeName(type)} is only there as its hash: nothing inside it can be read`,
      "compare its hash with eq, ne, in or nin",
    );
  }
  if (token === "length" && hasLength(type))
    return { ok: true, step: { kind: "length" }, place: { kind: "value", type: lengthType, hashed: false } };
  if (!token.startsWith("["))
    return refuse(
      `${typeName(type)} has no field "${token}"`,
      type.kind === "array" ? 'take an element: "[0]", or use any or all' : null,
    );
  if (type.kind !== "array") return refuse(`${typeName(type)} is not an array`, null);
  const index = Number(token.slice(1, -1));
  if (index > elementIndexMax || (type.length !== null && index >= type.length)) {
    return refuse(`${typeName(type)} has no element ${index}`, null);
  }
  return { ok: true, step: { kind: "element", index }, place: placeOf(type.of, false, typeName(type.of)) };
}

function followField(token: string, place: Place & { kind: "fields" }): Followed {
  const { fields, of } = place;
  if (token.startsWith("[")) return refuse(`${of} is not an array`, null);
  const named = fields.flatMap((field, index) => (field.name === token ? [index] : []));
  if (named.length > 1)
    return refuse(
      `${of} has ${named.length} fields called "${token}"`,
      `call them by position: "${named.join('" or "')}"`,
    );
  const index = named[0] ?? (/^\d+$/.test(token) ? Number(token) : -1);
  const field = fields[index];
  if (field === undefined) return unknownField(token, place);
  const step: PathStep = { kind: "field", index, label: labelOf(index, fields) };
  return { ok: true, step, place: placeOf(field.type, field.hashed, field.name) };
}

function unknownField(token: string, { fields, of }: Place & { kind: "fields" }): Followed {
  const names = fields.map((_, index) => labelOf(index, fields));
  const known = names.length === 0 ? `${of} has no arguments` : `${of} has ${names.join(", ")}`;
  return refuse(`"${token}" is not an argument: ${known}`, didYouMean(token, names));
}

/** The name if it leads here and nowhere else, else the position. */
export function labelOf(index: number, fields: readonly { readonly name: string }[]): string {
  const name = fields[index]?.name ?? "";
  const unique = fields.filter((field) => field.name === name).length === 1;
  return unique && name !== "" && !reserved.has(name) ? name : String(index);
}

function hasLength(type: AbiType): boolean {
  return type.kind === "array" || type.kind === "bytes" || type.kind === "string";
}

function refuse(reason: string, suggestion: string | null): Followed & { ok: false } {
  return { ok: false, reason, suggestion };
}
