import { fc, test } from "@fast-check/vitest";
import { expect } from "vitest";
import { createAddressTable } from "./address-table.ts";

/** Few enough to collide and to be deleted, among them those that begin and end in zeros. */
const address = fc.oneof(
  fc.nat(40).map((n) => `0x${n.toString(16).padStart(40, "0")}`),
  fc.nat(40).map((n) => `0x${n.toString(16).padEnd(40, "0")}`),
  fc.uint8Array({ minLength: 20, maxLength: 20 }).map((bytes) => `0x${Buffer.from(bytes).toString("hex")}`),
);
const change = fc.oneof(
  fc.record({
    kind: fc.constant("set" as const),
    address,
    value: fc.integer({ min: -2_147_483_647, max: 2_147_483_647 }),
  }),
  fc.record({ kind: fc.constant("delete" as const), address }),
);

test.prop([fc.array(change, { maxLength: 400 }), address])(
  "a table is a map from addresses to integers",
  (changes, other) => {
    const table = createAddressTable();
    const model = new Map<string, number>();
    for (const one of changes) {
      if (one.kind === "set") {
        table.set(one.address, one.value);
        model.set(one.address, one.value);
      } else {
        table.delete(one.address);
        model.delete(one.address);
      }
    }
    expect(table.size()).toBe(model.size);
    for (const [key, value] of model) expect(table.get(key)).toBe(value);
    expect(table.get(other)).toBe(model.get(other));
  },
);
