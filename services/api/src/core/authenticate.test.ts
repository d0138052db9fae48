import { expect, test } from "vitest";
import { authenticate } from "./authenticate.ts";

const userKey = `key_${"a".repeat(24)}_${"b".repeat(52)}`;
const accounts = {
  ownerOfKey: async (hash: Buffer) => (hash.toString() === userKey ? "usr_1" : null),
};
const vault = {
  hashKey: (key: string) => Buffer.from(key),
  isAdminKey: (key: string) => key === "the-admin",
};
const ask = (header: string | undefined, needed: "admin" | "user") =>
  authenticate(header, needed, accounts, vault);

test("a user's key names its owner", async () => {
  expect(await ask(`Bearer ${userKey}`, "user")).toEqual({
    ok: true,
    value: { role: "user", userId: "usr_1" },
  });
});

test("the scheme is read in any case", async () => {
  expect(await ask(`bearer ${userKey}`, "user")).toMatchObject({ ok: true });
});

test.each([undefined, "", "Basic abc", "Bearer", "Bearer key_short", `Bearer ${userKey} more`])(
  "%j is not authenticated",
  async (header) => {
    expect(await ask(header, "user")).toMatchObject({ ok: false, code: "UNAUTHENTICATED" });
  },
);

test("a key of the right form that nobody owns is not authenticated", async () => {
  const unknown = userKey.replace("a", "c");
  expect(await ask(`Bearer ${unknown}`, "user")).toMatchObject({ ok: false, code: "UNAUTHENTICATED" });
});

test("what has not the form of a key never reaches the store", async () => {
  const never = { ownerOfKey: () => Promise.reject(new Error("asked")) };
  expect(await authenticate("Bearer x' OR 1=1", "user", never, vault)).toMatchObject({ ok: false });
});

test("each kind of key is forbidden where the other is needed", async () => {
  expect(await ask(`Bearer ${userKey}`, "admin")).toMatchObject({ ok: false, code: "FORBIDDEN" });
  expect(await ask("Bearer the-admin", "user")).toMatchObject({ ok: false, code: "FORBIDDEN" });
  expect(await ask("Bearer the-admin", "admin")).toMatchObject({ ok: true, value: { role: "admin" } });
});
