import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { attemptCodec } from "./attempt.ts";
import { blockCodec } from "./block.ts";
import { deadDeliveryCodec } from "./dead-letter.ts";
import { deliveryCodec, webhookId } from "./delivery.ts";
import { eventId, logCodec } from "./log.ts";

const codecs = [logCodec, blockCodec, deliveryCodec, attemptCodec, deadDeliveryCodec];
const folder = new URL("examples/", import.meta.url);
const examples = readdirSync(folder).map((file) => {
  const [name = "", version = ""] = file.split(".");
  return {
    file,
    name: name.replaceAll("-", " "),
    version: Number(version.slice(1)),
    text: readFileSync(new URL(file, folder), "utf8"),
  };
});
const example = (file: string) => examples.find((one) => one.file === file)?.text ?? "";

describe("the examples", () => {
  it.each(examples)("$file decodes, and encodes to the same JSON", ({ name, text }) => {
    const codec = codecs.find((one) => one.name === name);
    const decoded = codec?.decode(text);
    // A field that the schema does not know would be dropped by decoding, and so show here.
    expect(decoded).toEqual({ ok: true, value: JSON.parse(text) });
  });

  it.each(codecs)("show $name in each version that was ever written", ({ name, version }) => {
    const shown = new Set(examples.filter((one) => one.name === name).map((one) => one.version));
    expect([...shown].toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: version }, (_, index) => index + 1),
    );
  });

  it("belong to one another: the delivery is of the log, with the id that follows from it", () => {
    const log = JSON.parse(example("log.v1.new.json"));
    const delivery = JSON.parse(example("delivery.v1.match.json"));
    expect(delivery.eventId).toBe(eventId(log));
    expect(delivery.webhookId).toBe(webhookId({ ...delivery, kind: "new" }));
    expect(JSON.parse(delivery.body).data.transactionHash).toBe(log.transactionHash);
  });
});

describe("a record that cannot be read", () => {
  it.each([
    ["no value", null, "a log record has no value"],
    ["an empty value", "", "a log record has no value"],
    ["text that is not JSON", "{", "not JSON in UTF-8"],
    ["bytes that are not UTF-8", Buffer.from([0x22, 0xff, 0x22]), "not JSON in UTF-8"],
    ["JSON null", "null", "log.: "],
    ["another version's shape", '{"v":0}', "log.v"],
  ])("is malformed, with the reason: %s", (_, bytes, reason) => {
    expect(logCodec.decode(bytes)).toMatchObject({
      ok: false,
      problem: "malformed",
      reason: expect.stringContaining(reason),
    });
  });

  it("names the field that is wrong", () => {
    const log = JSON.parse(example("log.v1.new.json"));
    const decoded = logCodec.decode(JSON.stringify({ ...log, address: log.address.toUpperCase() }));
    expect(decoded).toMatchObject({ reason: "log.address: expected 0x and 40 lower-case hex digits" });
  });

  it("asks for an upgrade when a later version wrote it, whatever else it holds", () => {
    expect(logCodec.decode('{"v":2,"entirely":"different"}')).toEqual({
      ok: false,
      problem: "newer",
      reason: "log version 2; this process reads up to 1: upgrade it",
    });
  });
});

describe("a field that an older reader does not know", () => {
  it("is dropped, so that a later version may add fields", () => {
    const decoded = logCodec.decode(
      JSON.stringify({ ...JSON.parse(example("log.v1.new.json")), later: true }),
    );
    expect(decoded.ok && "later" in decoded.value).toBe(false);
  });
});
