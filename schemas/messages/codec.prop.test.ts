import { fc, test } from "@fast-check/vitest";
import { describe, expect } from "vitest";
import { attempts, blocks, deadDeliveries, deliveries, logs } from "./arbitraries.ts";
import { attemptCodec } from "./attempt.ts";
import { blockCodec } from "./block.ts";
import type { Codec } from "./codec.ts";
import { deadDeliveryCodec } from "./dead-letter.ts";
import { deliveryCodec } from "./delivery.ts";
import { logCodec } from "./log.ts";

function laws<T extends { v: number }>(codec: Codec<T>, messages: fc.Arbitrary<T>): void {
  describe(`a ${codec.name}`, () => {
    test.prop([messages])("that was encoded decodes to itself", (message) => {
      expect(codec.decode(codec.encode(message))).toEqual({ ok: true, value: message });
    });

    test.prop([messages])("decodes the same from bytes as from text", (message) => {
      const written = codec.encode(message);
      expect(codec.decode(Buffer.from(written))).toEqual(codec.decode(written));
    });

    test.prop([messages, fc.integer({ min: codec.version + 1, max: 1_000_000 })])(
      "of a later version is newer, not malformed",
      (message, v) => {
        expect(codec.decode(JSON.stringify({ ...message, v }))).toMatchObject({
          ok: false,
          problem: "newer",
        });
      },
    );

    test.prop([fc.uint8Array()])("is never read out of arbitrary bytes, and nothing throws", (bytes) => {
      expect(codec.decode(bytes).ok).toBe(false);
    });

    test.prop([fc.json()])("is never read out of arbitrary JSON, and nothing throws", (text) => {
      expect(codec.decode(text).ok).toBe(false);
    });

    test.prop([messages, fc.nat()])("cut short is malformed", (message, at) => {
      const bytes = Buffer.from(codec.encode(message));
      const decoded = codec.decode(bytes.subarray(0, at % bytes.length));
      expect(decoded).toMatchObject({ ok: false, problem: "malformed" });
    });

    test.prop([messages, fc.nat(), fc.constantFrom(undefined, null, -1, {}, [], "\u0000")])(
      "with one wrong field never throws",
      (message, at, wrong) => {
        const field = Object.keys(message)[at % Object.keys(message).length] ?? "v";
        const decoded = codec.decode(JSON.stringify({ ...message, [field]: wrong }));
        if (!decoded.ok) expect(decoded.reason).not.toBe("");
      },
    );

    const odd = fc.oneof(
      fc.constantFrom(null, -1, 0.5, 2 ** 53, "0x", `0x${"A".repeat(40)}`, [], ["0x"], {}),
      fc.jsonValue(),
    );
    test.prop([messages, fc.nat(), odd, fc.option(fc.string())])(
      "with one odd field is read exactly as its schema reads it",
      (message, at, value, extra) => {
        const keys = Object.keys(message);
        const field = extra ?? keys[at % keys.length] ?? "v";
        const parsed: unknown = JSON.parse(JSON.stringify({ ...message, [field]: value }));
        const bySchema = codec.schema.safeParse(parsed);
        const decoded = codec.decode(JSON.stringify(parsed));
        expect(decoded.ok ? decoded.value : undefined).toEqual(bySchema.data);
      },
    );
  });
}

laws(logCodec, logs);
laws(blockCodec, blocks);
laws(deliveryCodec, deliveries);
laws(attemptCodec, attempts);
laws(deadDeliveryCodec, deadDeliveries);
