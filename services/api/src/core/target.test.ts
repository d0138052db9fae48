import { createAddressPolicy } from "@ethhook/kit";
import { expect, test } from "vitest";
import { checkTarget } from "./target.ts";

const publicOnly = { allowPrivate: false, allowHttp: false, allowed: [] };
const reasonFor = (url: string | undefined, more: Partial<typeof publicOnly> = {}): string | null => {
  const checked = checkTarget(createAddressPolicy({ ...publicOnly, ...more }), url);
  return checked.ok ? null : checked.message;
};

test("a URL that delivery would not call is refused where it is given, with the reason", () => {
  expect(reasonFor("http://example.org/hook")).toBe("body.url: http:// is not allowed: use https://");
  expect(reasonFor("https://10.0.0.7/hook")).toBe("body.url: 10.0.0.7 is not a public address");
  expect(reasonFor("https://[::1]/hook")).toBe("body.url: [::1] is not a public address");
  expect(reasonFor("https://example.org:22/")).toBe("body.url: port 22 is not one of a webhook receiver");
});

test("a URL that delivery may call is taken, and so is a patch that has none", () => {
  expect(reasonFor("https://example.org/hook")).toBeNull();
  expect(reasonFor("http://example.org/hook", { allowHttp: true })).toBeNull();
  expect(reasonFor("http://127.0.0.1:4000/hook", { allowPrivate: true })).toBeNull();
  expect(reasonFor(undefined)).toBeNull();
});
