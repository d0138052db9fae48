import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { needsReseal, parseSecretKeys, sealSecret, unsealSecret } from "./secrets.ts";

const newKey = () => randomBytes(32).toString("base64");

test("what was sealed opens again, in its own place only", () => {
  const keys = parseSecretKeys(newKey());
  const sealed = sealSecret(keys, "whsec_geheim ✓", "ep_1");
  expect(unsealSecret(keys, sealed, "ep_1")).toBe("whsec_geheim ✓");
  expect(() => unsealSecret(keys, sealed, "ep_2")).toThrow(
    expect.objectContaining({ code: "SECRET_UNREADABLE" }),
  );
});

test("the same secret is sealed differently each time, and its text is not in it", () => {
  const keys = parseSecretKeys(newKey());
  const [first, second] = [sealSecret(keys, "whsec_abc", "ep_1"), sealSecret(keys, "whsec_abc", "ep_1")];
  expect(first).not.toBe(second);
  expect(first).not.toContain("abc");
});

test("a new first key seals, the old one still opens, and what it sealed is known to need sealing again", () => {
  const [older, newer] = [newKey(), newKey()];
  const sealed = sealSecret(parseSecretKeys(older), "s", "ep_1");
  const both = parseSecretKeys(`${newer}, ${older}`);
  expect(unsealSecret(both, sealed, "ep_1")).toBe("s");
  expect(needsReseal(both, sealed)).toBe(true);
  const again = sealSecret(both, "s", "ep_1");
  expect(needsReseal(both, again)).toBe(false);
  expect(unsealSecret(parseSecretKeys(newer), again, "ep_1")).toBe("s");
  expect(() => unsealSecret(parseSecretKeys(newer), sealed, "ep_1")).toThrow("not in SECRETS_KEY");
});

test("any changed byte of nonce, tag or text is found out", () => {
  const keys = parseSecretKeys(newKey());
  const parts = sealSecret(keys, "secret", "ep_1").split(".");
  for (const part of [2, 3, 4]) {
    const bytes = Buffer.from(parts[part]!, "base64url");
    for (const at of bytes.keys()) {
      const changed = Buffer.from(bytes);
      changed[at]! ^= 1;
      const sealed = parts.with(part, changed.toString("base64url")).join(".");
      expect(() => unsealSecret(keys, sealed, "ep_1"), `part ${part}, byte ${at}`).toThrow("was changed");
    }
  }
});

test("a key of another length is refused with the command that makes one", () => {
  expect(() => parseSecretKeys(Buffer.alloc(16).toString("base64"))).toThrow("openssl rand -base64 32");
});
