import { typeName, type AbiType } from "./abi-type.ts";
import { readHash, readLiteral } from "./literal.ts";
import { placeOf, resolvePath, type Place } from "./path.ts";
import { isRecord, joinPath, shown, type Problems } from "./problems.ts";
import { didYouMean } from "./suggest.ts";
import { filterLimits, type Condition, type Operator, type Path, type Scalar } from "./types.ts";

/** What one event's conditions have used of their limits. */
interface Budget {
  clauses: number;
}

interface Here {
  readonly place: Place;
  readonly path: Path;
  /** Place in the filter's JSON. */
  readonly at: string;
  readonly depth: number;
  readonly problems: Problems;
  readonly budget: Budget;
}

const comparisons = ["eq", "ne", "lt", "lte", "gt", "gte", "in", "nin", "contains", "startsWith"] as const;
const quantifiers = ["any", "all"] as const;
const connectives = ["and", "or", "not"] as const;

/** How people write operators elsewhere. */
const synonyms: Readonly<Record<string, Operator>> = {
  "=": "eq",
  "==": "eq",
  "===": "eq",
  equals: "eq",
  is: "eq",
  "!=": "ne",
  "!==": "ne",
  "<>": "ne",
  neq: "ne",
  "<": "lt",
  "<=": "lte",
  le: "lte",
  ">": "gt",
  ">=": "gte",
  ge: "gte",
  notin: "nin",
  not_in: "nin",
  starts_with: "startsWith",
  startswith: "startsWith",
  prefix: "startsWith",
  includes: "contains",
  has: "contains",
};

/** Parses the conditions on an event's arguments. Records every problem; `undefined` when there was one. */
export function parseWhere(
  input: unknown,
  place: Place,
  at: string,
  problems: Problems,
): Condition | undefined {
  return parseAt(input, { place, path: [], at, depth: 0, problems, budget: { clauses: 0 } });
}

function parseAt(input: unknown, here: Here): Condition | undefined {
  const { place, problems, at, budget } = here;
  budget.clauses += 1;
  if (budget.clauses > filterLimits.clauses)
    return problems.add(at, `more than ${filterLimits.clauses} clauses`);
  if (here.depth > filterLimits.depth) return problems.add(at, `nested deeper than ${filterLimits.depth}`);
  if (!isRecord(input)) {
    if (place.kind === "value") return compare("eq", input, here);
    return problems.add(
      at,
      `expected conditions by argument, found ${shown(input)}`,
      'for example {"value": {"gte": "1000"}}',
    );
  }
  const keys = Object.keys(input);
  if (keys.length === 0) return problems.add(at, "no condition in it", "leave it out to accept every value");
  const parsed = keys.map((key) =>
    parseKey(key, input[key], { ...here, at: joinPath(at, key), depth: here.depth + 1 }),
  );
  return combine("and", parsed);
}

/** One child stands for itself, so that printing and parsing again gives the same. */
function combine(kind: "and" | "or", parsed: readonly (Condition | undefined)[]): Condition | undefined {
  const of = parsed.filter((condition) => condition !== undefined);
  if (of.length < parsed.length) return undefined;
  return of.length === 1 ? of[0] : { kind, of };
}

function parseKey(key: string, value: unknown, here: Here): Condition | undefined {
  const { place, problems, at } = here;
  switch (key) {
    case "and":
    case "or": {
      if (!Array.isArray(value) || value.length === 0)
        return problems.add(
          at,
          `expected a list of at least one condition, found ${Array.isArray(value) ? "an empty list" : shown(value)}`,
        );
      return combine(
        key,
        value.map((item, index) => parseAt(item, { ...here, at: `${at}[${index}]` })),
      );
    }
    case "not": {
      const of = parseAt(value, here);
      return of === undefined ? undefined : { kind: "not", of };
    }
  }
  if (place.kind === "value") {
    const operator = comparisons.find((name) => name === key);
    if (operator !== undefined) return compare(operator, value, here);
    const quantifier = quantifiers.find((name) => name === key);
    if (quantifier !== undefined) return quantify(quantifier, value, here);
    if (!key.startsWith("[") && key !== "length") return unknownOperator(key, place.type, here);
  }
  const resolved = resolvePath(key, place);
  if (!resolved.ok) return problems.add(at, resolved.reason, resolved.suggestion);
  return parseAt(value, { ...here, place: resolved.place, path: [...here.path, ...resolved.path] });
}

function unknownOperator(key: string, type: AbiType, { problems, at }: Here): undefined {
  const synonym = synonyms[key.toLowerCase().replace(/^\$/, "")];
  const bare = key.replace(/^\$/, "");
  const guess = synonym ?? comparisons.find((name) => name.toLowerCase() === bare.toLowerCase());
  const suggestion =
    guess === undefined
      ? didYouMean(bare, [...operatorsOf(type), ...connectives])
      : `did you mean "${guess}"?`;
  return problems.add(
    at,
    `"${key}" is not an operator; ${typeName(type)} has ${operatorsOf(type).join(", ")}`,
    suggestion,
  );
}

function quantify(kind: "any" | "all", value: unknown, here: Here): Condition | undefined {
  const { place, problems, at } = here;
  if (place.kind !== "value" || place.type.kind !== "array" || place.hashed) {
    return problems.add(at, `"${kind}" is for arrays whose elements are in the log's data`);
  }
  const element = placeOf(place.type.of, false, typeName(place.type.of));
  const of = parseAt(value, { ...here, place: element, path: [] });
  return of === undefined ? undefined : { kind, path: here.path, of };
}

function compare(operator: Operator, input: unknown, here: Here): Condition | undefined {
  const { place, problems, at, path } = here;
  if (place.kind !== "value")
    return problems.add(at, `"${operator}" needs one value, and ${place.of} has fields`);
  const { type, hashed } = place;
  const allowed = hashed ? equality : operatorsOf(type);
  if (!allowed.includes(operator)) {
    const what = hashed
      ? `an indexed ${typeName(type)}, of which the log has only the hash,`
      : typeName(type);
    return problems.add(
      at,
      `"${operator}" does not fit ${what}; it has ${allowed.join(", ")}`,
      whyNot(operator, type, hashed),
    );
  }
  const isList = operator === "in" || operator === "nin";
  if (isList && !Array.isArray(input))
    return problems.add(at, `"${operator}" expects a list, found ${shown(input)}`);
  const items: readonly unknown[] = isList ? (input as readonly unknown[]) : [input];
  if (items.length === 0)
    return problems.add(
      at,
      `"${operator}" of an empty list`,
      operator === "in" ? "it can never match" : "it always matches: leave it out",
    );
  if (items.length > filterLimits.values)
    return problems.add(at, `${items.length} values; at most ${filterLimits.values}`);
  const values: Scalar[] = [];
  for (const [index, item] of items.entries()) {
    const value = literal(operator, type, hashed, item);
    if (value.ok) values.push(value.value);
    else problems.add(isList ? `${at}[${index}]` : at, value.reason, value.suggestion ?? null);
  }
  if (values.length < items.length) return undefined;
  return { kind: "compare", path, operator, values: isList ? distinct(values) : values };
}

function literal(
  operator: Operator,
  type: AbiType,
  hashed: boolean,
  input: unknown,
): ReturnType<typeof readLiteral> {
  if (hashed) {
    // A text or bytes is hashed when the filter is compiled; of other types the user gives the hash.
    return type.kind === "string" || type.kind === "bytes" ? readLiteral(type, input) : readHash(input);
  }
  if (operator === "contains" && type.kind === "array") return readLiteral(type.of, input);
  return readLiteral(type, input, operator === "contains" || operator === "startsWith");
}

const equality: readonly Operator[] = ["eq", "ne", "in", "nin"];

/** Operators that a type has, in the order they are told. */
function operatorsOf(type: AbiType): readonly string[] {
  switch (type.kind) {
    case "uint":
    case "int":
      return [...equality, "lt", "lte", "gt", "gte"];
    case "address":
    case "fixedBytes":
    case "bytes":
    case "string":
      return [...equality, "contains", "startsWith"];
    case "bool":
      return equality;
    case "array":
      return type.of.kind === "array" || type.of.kind === "tuple"
        ? quantifiers
        : ["contains", ...quantifiers];
    case "tuple":
      return [];
  }
}

function whyNot(operator: Operator, type: AbiType, hashed: boolean): string | null {
  if (hashed) return null;
  if (type.kind === "array")
    return `say which element: {"any": {"${operator}": …}}, {"all": …} or a path with [0]`;
  if (type.kind === "string") return "text has no order; use startsWith or contains";
  return null;
}

function distinct(values: readonly Scalar[]): readonly Scalar[] {
  return [...new Set(values)].toSorted((a, b) => (String(a) < String(b) ? -1 : 1));
}
