import { fc } from "@fast-check/vitest";

/** A type with values for it, as ethers' encoder takes them. */
export interface TypedValue {
  readonly type: string;
  readonly value: unknown;
}

const hex = (bytes: number): fc.Arbitrary<string> =>
  fc
    .uint8Array({ minLength: bytes, maxLength: bytes })
    .map((array) => `0x${Buffer.from(array).toString("hex")}`);

const bits = fc.integer({ min: 1, max: 32 }).map((bytes) => bytes * 8);

/** Integers with the edges of their type, which random ones never meet. */
function integer(signed: boolean, size: number): fc.Arbitrary<bigint> {
  const max = 2n ** BigInt(signed ? size - 1 : size) - 1n;
  const min = signed ? -max - 1n : 0n;
  return fc.oneof(
    fc.constantFrom(min, min + 1n, 0n, max - 1n, max),
    fc.bigInt(min, max),
    fc.bigInt(0n, max < 9n ? max : 9n),
  );
}

const scalar: fc.Arbitrary<fc.Arbitrary<TypedValue>> = fc.oneof(
  bits.map((size) => integer(false, size).map((value) => ({ type: `uint${size}`, value }))),
  bits.map((size) => integer(true, size).map((value) => ({ type: `int${size}`, value }))),
  fc.constant(
    fc.oneof(hex(20), fc.constant(`0x${"00".repeat(20)}`)).map((value) => ({ type: "address", value })),
  ),
  fc.constant(fc.boolean().map((value) => ({ type: "bool", value }))),
  fc.integer({ min: 1, max: 32 }).map((size) => hex(size).map((value) => ({ type: `bytes${size}`, value }))),
  fc.constant(
    fc
      .uint8Array({ maxLength: 70 })
      .map((array) => ({ type: "bytes", value: `0x${Buffer.from(array).toString("hex")}` })),
  ),
  fc.constant(fc.string({ maxLength: 40, unit: "grapheme" }).map((value) => ({ type: "string", value }))),
);

function nested(depth: number): fc.Arbitrary<fc.Arbitrary<TypedValue>> {
  if (depth === 0) return scalar;
  const inner = nested(depth - 1);
  const array = fc
    .record({ of: inner, length: fc.option(fc.integer({ min: 1, max: 3 })) })
    .map(({ of, length }) =>
      // One type for all elements: a value gives the type, and others of the same arbitrary follow it.
      fc
        .array(
          of,
          length === null ? { minLength: 0, maxLength: 3 } : { minLength: length, maxLength: length },
        )
        .chain((items) =>
          fc.constant(items.length > 0 ? items : null).chain((some) =>
            some === null
              ? of.map(({ type }) => ({ type: `${type}[]`, value: [] as unknown[] }))
              : fc.constant({
                  type: `${some[0]?.type}[${length ?? ""}]`,
                  value: some.map((item) => item.value),
                }),
          ),
        ),
    );
  const tuple = fc.array(inner, { minLength: 1, maxLength: 3 }).map((fields) =>
    fc.tuple(...fields).map((items) => ({
      type: `(${items.map((item, index) => `${item.type} f${index}`).join(", ")})`,
      value: items.map((item) => item.value),
    })),
  );
  return fc.oneof(
    { weight: 3, arbitrary: scalar },
    { weight: 1, arbitrary: array },
    { weight: 1, arbitrary: tuple },
  );
}

/** A type of up to two levels, with a value. */
export const typedValue: fc.Arbitrary<TypedValue> = nested(2).chain((values) => values);
