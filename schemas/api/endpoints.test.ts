import { expect, test } from "vitest";
import { newEndpoint, rotateSecret } from "./endpoints.ts";

const base64 = (bytes: number): string => Buffer.alloc(bytes, 0xfb).toString("base64");
const reasonFor = (secret: string): string | undefined => {
  const endpoint = newEndpoint.safeParse({ url: "https://example.org/", filter: {}, secret });
  const rotation = rotateSecret.safeParse({ secret });
  expect(rotation.error?.issues[0]?.message).toBe(endpoint.error?.issues[0]?.message);
  return endpoint.error?.issues[0]?.message;
};

test.each([
  `whsec_${base64(24)}`,
  `whsec_${base64(32)}`,
  `whsec_${base64(64)}`,
  "16 characters ok",
  "x".repeat(256),
  "Schlüssel für die Empfänger",
])("a receiver's own secret is taken: %s", (secret) => {
  expect(reasonFor(secret)).toBeUndefined();
});

test.each([
  [`whsec_${base64(23)}`, "expected 24 to 64 bytes in the base64 after whsec_"],
  [`whsec_${base64(65)}`, "expected 24 to 64 bytes in the base64 after whsec_"],
  [`whsec_${base64(32).slice(0, -1)}`, "expected base64 after whsec_, with its padding"],
  [`whsec_${"not base64 at all, but long"}`, "expected base64 after whsec_, with its padding"],
  ["fifteen letters", "expected 16 to 256 printable characters, or whsec_ and base64"],
  ["x".repeat(257), "expected 16 to 256 printable characters, or whsec_ and base64"],
  ["a line that ends\n", "expected 16 to 256 printable characters, or whsec_ and base64"],
])("a secret that cannot be one is refused with the reason: %j", (secret, reason) => {
  expect(reasonFor(secret)).toBe(reason);
});
