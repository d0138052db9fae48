import { fc, test } from "@fast-check/vitest";
import {
  compileFilter,
  parseFilter,
  type CompiledFilter,
  type DecodedValue,
  type FilterableLog,
} from "@ethhook/schemas/filter";
import { AbiCoder, EventFragment, id, keccak256, toUtf8Bytes } from "ethers";
import { beforeAll, describe, expect } from "vitest";
import { typedValue, type TypedValue } from "../support/abi-arbitrary.ts";
import { realBlocks, realLogs } from "../support/real-logs.ts";
import { decodeByEthers, eventOf, holds, type Value } from "../support/reference-filter.ts";

/** Events that the recorded blocks hold, and two that share a topic with other indexing. */
const known = [
  "event Transfer(address indexed from, address indexed to, uint256 value)",
  "event Transfer(address indexed from, address indexed to, uint256 indexed tokenId)",
  "event Approval(address indexed owner, address indexed spender, uint256 value)",
  "event Approval(address indexed owner, address indexed spender, uint256 indexed tokenId)",
  "event Sync(uint112 reserve0, uint112 reserve1)",
  "event Swap(address indexed sender, uint256 a, uint256 b, uint256 c, uint256 d, address indexed to)",
  "event Swap(address indexed sender, address indexed recipient, int256 amount0, int256 amount1, uint160 sqrtPriceX96, uint128 liquidity, int24 tick)",
  "event Deposit(address indexed to, uint256 amount)",
  "event Withdrawal(address indexed from, uint256 amount)",
  "event TransferSingle(address indexed operator, address indexed from, address indexed to, uint256 id, uint256 value)",
  "event LogTransfer(address indexed token, address indexed from, address indexed to, uint256 amount, uint256 a, uint256 b, uint256 c, uint256 d)",
  "event AnswerUpdated(int256 indexed current, uint256 indexed roundId, uint256 updatedAt)",
  "event NewTransmission(uint32 indexed roundId, int192 answer, address transmitter, int192[] observations, bytes observers, bytes32 context)",
  "event OrderFulfilled(bytes32 orderHash, address indexed offerer, address indexed zone, address recipient, tuple(uint8 itemType, address token, uint256 identifier, uint256 amount)[] offer, tuple(uint8 itemType, address token, uint256 identifier, uint256 amount, address recipient)[] consideration)",
  "event OwnershipTransferred(address indexed before, address indexed after)",
];

/** Readings of data that fit some logs and not others: what is really there has to be found out. */
const shapes = [
  "",
  "address a",
  "uint8 a, bool b",
  "bytes a",
  "string a",
  "uint256[] a",
  "address[] a",
  "tuple(uint256 a, bytes b)[] c",
  "bytes32 a, bytes b, string c",
  "tuple(address a, tuple(uint64 b, string c)[2] d) e",
  "int24[3] a, bytes4 b",
  "bytes[][] a",
];
const topicTypes = ["uint256", "address", "int64", "bool", "bytes3", "string", "uint8[]"];

let logs: FilterableLog[] = [];
beforeAll(async () => {
  logs = (await Promise.all(realBlocks.map((block) => realLogs(block)))).flat();
});

function compile(event: string, where?: unknown): CompiledFilter {
  const parsed = parseFilter({ event, ...(where === undefined ? {} : { where }) });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return compileFilter(parsed.filter);
}

/** What ethers decoded, in the form that payloads have. */
function inPayload(value: Value): DecodedValue {
  if (Array.isArray(value)) return (value as readonly Value[]).map(inPayload);
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "object" && "text" in value) return value.text;
  return typeof value === "object" && "hash" in value ? value.hash : (value as string | boolean);
}

/** Objects lose their names, so that only values and their order are compared. */
function unnamed(value: DecodedValue): DecodedValue {
  if (typeof value !== "object") return value;
  return (Array.isArray(value) ? value : Object.values(value)).map(unnamed);
}

function agree(event: string, log: FilterableLog): boolean {
  const reference = decodeByEthers(event, log);
  const compiled = compile(event);
  expect(compiled.alternative(log) === 0, `${event} on ${JSON.stringify(log)}`).toBe(reference !== undefined);
  if (reference === undefined) return false;
  const { args } = compiled.decode(log, 0) ?? {};
  expect(unnamed(args ?? {})).toEqual(reference.map(inPayload));
  return true;
}

describe("what a filter reads is what ethers decodes", () => {
  test("for every log of the real blocks and every known event", () => {
    const fitting = known.map((event) => ({ event, fits: logs.filter((log) => agree(event, log)).length }));
    expect(fitting.filter(({ fits }) => fits === 0)).toEqual([]);
  });

  test("for every log of the real blocks under readings that may not fit", () => {
    let fits = 0;
    for (const [at, log] of logs.entries()) {
      const indexed = log.topics.map(
        (_, index) => `${topicTypes[(at + index) % topicTypes.length]} indexed t${index}`,
      );
      for (const shape of shapes) {
        const inputs = [...indexed, ...(shape === "" ? [] : [shape])].join(", ");
        if (agree(`event E(${inputs}) anonymous`, log)) fits += 1;
      }
    }
    expect(fits).toBeGreaterThan(logs.length);
  });

  test.prop([fc.array(typedValue, { maxLength: 4 }), fc.nat(), fc.nat(), fc.nat(255)])(
    "for values of any type, and for the same data cut short or disturbed",
    (values, cutAt, changeAt, byte) => {
      const event = `event E(${values.map(({ type }, index) => `${type} a${index}`).join(", ")})`;
      const data = AbiCoder.defaultAbiCoder().encode(
        values.map(({ type }) => type),
        values.map(({ value }) => value),
      );
      const topics = [id(EventFragment.from(event).format("sighash"))];
      const log = (text: string): FilterableLog => ({ chainId: 1, address: "0x", topics, data: text });
      expect(agree(event, log(data))).toBe(true);
      const bytes = Buffer.from(data.slice(2), "hex");
      agree(event, log(`0x${bytes.subarray(0, cutAt % (bytes.length + 1)).toString("hex")}`));
      if (bytes.length > 0) bytes[changeAt % bytes.length] = byte;
      agree(event, log(`0x${bytes.toString("hex")}`));
    },
  );
});

/** Paths to every value inside, with the type at its end and, where it is a scalar, its value. */
interface Leaf {
  readonly path: string;
  readonly type: string;
  readonly value: unknown;
}

function leavesOf({ type, value }: TypedValue, path: string): Leaf[] {
  const array = /^(.*)\[(\d*)\]$/s.exec(type);
  if (array !== null) {
    const items = value as readonly unknown[];
    const whole = items.length === 0 ? [] : [{ path, type, value: items }];
    const inside = items.flatMap((item, index) =>
      leavesOf({ type: array[1] ?? "", value: item }, `${path}[${index}]`),
    );
    return [...whole, ...inside, { path: `${path}.length`, type: "uint256", value: BigInt(items.length) }];
  }
  if (!type.startsWith("(")) return [{ path, type, value }];
  const event = EventFragment.from(`event E(${type} t)`);
  const components = event.inputs[0]?.components ?? [];
  return components.flatMap((component, index) =>
    leavesOf(
      { type: component.format("full").replace(/ \w+$/, ""), value: (value as readonly unknown[])[index] },
      `${path}.${component.name}`,
    ),
  );
}

/** Conditions on the elements of an array, near what one of them is. */
function elementsLike(type: string, items: readonly unknown[]): fc.Arbitrary<Record<string, unknown>> {
  const quantifier = fc.constantFrom("any", "all");
  return fc.constantFrom(...items).chain((item) => {
    const leaves = leavesOf({ type, value: item }, "");
    const named = leaves.map((leaf) => ({ ...leaf, path: leaf.path.replace(/^\./, "") }));
    const inside = type.startsWith("(")
      ? conditionOn(named, 1)
      : fc
          .constantFrom(...named)
          .chain((leaf) => literalsFor(leaf).map((of) => (leaf.path === "" ? of : { [leaf.path]: of })));
    const quantified = fc.tuple(quantifier, inside).map(([name, of]) => ({ [name]: of }));
    const isScalar = !/[([]/.test(type);
    return isScalar ? fc.oneof(quantified, fc.constant({ contains: literalOf(type, item) })) : quantified;
  });
}

function literalOf(type: string, value: unknown): unknown {
  return /^u?int/.test(type) ? String(value) : value;
}

/** Literals near a value: itself, its neighbours, a piece of it. */
function literalsFor({ type, value }: Leaf): fc.Arbitrary<Record<string, unknown>> {
  const array = /^(.*)\[\d*\]$/s.exec(type);
  if (array !== null) return elementsLike(array[1] ?? "", value as readonly unknown[]);
  if (/^u?int\d+$/.test(type)) {
    const around = [-1n, 0n, 1n]
      .map((step) => (value as bigint) + step)
      .filter((near) => fitsType(type, near));
    const near = fc.constantFrom(...around);
    const written = near.chain((one) =>
      fc.constantFrom(one.toString(), ...(one < 0n ? [] : [`0x${one.toString(16)}`])),
    );
    const operator = fc.constantFrom("eq", "ne", "lt", "lte", "gt", "gte");
    const list = fc.record({
      operator: fc.constantFrom("in", "nin"),
      values: fc.array(written, { minLength: 1, maxLength: 5 }),
    });
    return fc.oneof(
      fc.tuple(operator, written).map(([name, literal]) => ({ [name]: literal })),
      list.map(({ operator: name, values }) => ({ [name]: values })),
    );
  }
  const equality = fc.constantFrom("eq", "ne");
  if (type === "bool")
    return fc.tuple(equality, fc.boolean()).map(([name, literal]) => ({ [name]: literal }));
  const text = String(value);
  const isText = type === "string";
  const units = isText ? Array.from(text) : (text.slice(2).match(/../g) ?? []);
  const piece = fc
    .tuple(fc.nat(units.length), fc.nat(units.length))
    .map(([a, b]) => `${isText ? "" : "0x"}${units.slice(Math.min(a, b), Math.max(a, b)).join("")}`);
  const parts = fc
    .tuple(fc.constantFrom("contains", "startsWith"), piece)
    .map(([name, literal]) => ({ [name]: literal }));
  return fc.oneof(
    equality.map((name) => ({ [name]: isText ? text : text.toUpperCase().replace("0X", "0x") })),
    fc.constantFrom("in", "nin").map((name) => ({ [name]: [value, ...(isText ? [""] : [])] })),
    parts.filter((operators) => isText || Object.values(operators).every((literal) => literal !== undefined)),
  );
}

function fitsType(type: string, value: bigint): boolean {
  const size = BigInt(/\d+$/.exec(type)?.[0] ?? "256");
  if (type.startsWith("u")) return value >= 0n && value < 2n ** size;
  return value >= -(2n ** (size - 1n)) && value < 2n ** (size - 1n);
}

/** Conditions on the leaves, joined by and, or and not. */
function conditionOn(leaves: readonly Leaf[], depth: number): fc.Arbitrary<Record<string, unknown>> {
  const one = fc
    .constantFrom(...leaves)
    .chain((leaf) => literalsFor(leaf).map((operators) => ({ [leaf.path]: operators })));
  if (depth === 0) return one;
  const inner = conditionOn(leaves, depth - 1);
  return fc.oneof(
    one,
    inner.map((not) => ({ not })),
    fc
      .tuple(fc.constantFrom("and", "or"), fc.array(inner, { minLength: 1, maxLength: 3 }))
      .map(([name, of]) => ({ [name]: of })),
  );
}

const conditioned = fc
  .array(typedValue, { minLength: 1, maxLength: 3 })
  .map((values) => ({ values, leaves: values.flatMap((value, index) => leavesOf(value, `a${index}`)) }))
  .filter(({ leaves }) => leaves.length > 0)
  .chain(({ values, leaves }) =>
    fc.record({
      values: fc.constant(values),
      where: conditionOn(leaves, 2),
      indexed: fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }),
    }),
  );

const isHashed = (type: string): boolean => /\[|\(|^bytes$|^string$/.test(type);

describe("what a condition decides is what plain comparison of ethers' values decides", () => {
  test.prop([conditioned], { numRuns: 1500 })(
    "for any types, values and conditions, indexed or not",
    ({ values, where, indexed }) => {
      // An indexed array or tuple is only its hash, which has no inside to compare.
      const isTopic = values.map(
        ({ type }, index) => indexed[index] === true && (!isHashed(type) || onlyEquality(where, type, index)),
      );
      const inputs = values.map(({ type }, index) => `${type}${isTopic[index] ? " indexed" : ""} a${index}`);
      const event = `event E(${inputs.join(", ")})`;
      const fragment = EventFragment.from(event);
      const inData = values.filter((_, index) => !isTopic[index]);
      const topics = values.filter((_, index) => isTopic[index]).map(topicOf);
      const log: FilterableLog = {
        chainId: 1,
        address: "0x",
        topics: [id(fragment.format("sighash")), ...topics],
        data: AbiCoder.defaultAbiCoder().encode(
          inData.map(({ type }) => type),
          inData.map(({ value }) => value),
        ),
      };
      const parsed = parseFilter({ event, where });
      if (!parsed.ok) throw new Error(`${event} ${JSON.stringify(where)} ${JSON.stringify(parsed.problems)}`);
      const compiled = compileFilter(parsed.filter);
      const args = decodeByEthers(event, log);
      if (args === undefined) throw new Error("ethers reads what it wrote");
      const condition = parsed.filter.events?.[0]?.where;
      if (condition === undefined || condition === null) throw new Error("a condition was given");
      const matched = compiled.alternative(log) === 0;
      expect(matched).toBe(holds(condition, args, fragment.inputs));
      expect((matched ? compiled.clause(log, 0) : compiled.whyNot(log)).length).toBeGreaterThan(3);
    },
  );

  test("on every log of the real blocks, near the values that stand in it", () => {
    let [held, failed] = [0, 0];
    for (const [at, log] of logs.entries()) {
      for (const event of readingsOf(log)) {
        const leaves = leavesFound(log, event);
        expect(leaves.length, event).toBeGreaterThan(0);
        const { inputs } = eventOf(event);
        for (const where of fc.sample(conditionOn(leaves, 1), { seed: at, numRuns: conditionsOfEach })) {
          const parsed = parseFilter({ event, where });
          if (!parsed.ok) throw new Error(`${event} ${JSON.stringify([where, parsed.problems])}`);
          const condition = parsed.filter.events?.[0]?.where;
          const args = decodeByEthers(event, log);
          if (!condition || args === undefined) throw new Error("a condition was given on what ethers reads");
          const matched = compileFilter(parsed.filter).alternative(log) === 0;
          expect(matched, `${event} ${JSON.stringify(where)}`).toBe(holds(condition, args, inputs));
          if (matched) held += 1;
          else failed += 1;
        }
      }
    }
    // Literals are near the values, so that both answers are frequent.
    expect(Math.min(held, failed)).toBeGreaterThan(logs.length / 2);
  });
});

/** The values that ethers found in a log, to take literals from. Hashed ones have no inside. */
function leavesFound(log: FilterableLog, event: string): readonly Leaf[] {
  const args = decodeByEthers(event, log);
  return eventOf(event).inputs.flatMap((input, index) => {
    const value = args?.[index];
    if (value === undefined || (typeof value === "object" && "hash" in value)) return [];
    const type = input
      .format("full")
      .replace(/( indexed)?( \w+)?$/, "")
      .replaceAll("tuple(", "(");
    return leavesOf({ type, value: plain(value) }, String(index));
  });
}

/** Events that the log can be read as: the known ones, else one of plain words. */
function readingsOf(log: FilterableLog): readonly string[] {
  const fitting = known.filter((event) => decodeByEthers(event, log) !== undefined);
  if (fitting.length > 0) return fitting;
  const words = Math.min(4, Math.floor((log.data.length - 2) / 64));
  const topics = log.topics.map((_, at) => `uint256 indexed t${at}`);
  const inputs = [...topics, ...Array.from({ length: words }, (_, at) => `int256 w${at}`)];
  return [`event E(${inputs.join(", ")}) anonymous`];
}

function plain(value: Value): unknown {
  if (Array.isArray(value)) return (value as readonly Value[]).map(plain);
  return typeof value === "object" && "text" in value ? value.text : value;
}

/** Conditions of each log; the same on each run. */
const conditionsOfEach = 4;

function onlyEquality(where: unknown, type: string, index: number): boolean {
  if (type !== "string" && type !== "bytes") return false;
  const text = JSON.stringify(where);
  return !text.includes(`"a${index}.length"`) && !/contains|startsWith/.test(text);
}

function topicOf({ type, value }: TypedValue): string {
  if (type === "string") return keccak256(toUtf8Bytes(String(value)));
  return type === "bytes" ? keccak256(String(value)) : AbiCoder.defaultAbiCoder().encode([type], [value]);
}
