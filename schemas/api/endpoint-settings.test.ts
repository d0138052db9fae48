import { expect, test } from "vitest";
import { endpointSettings, endpointSettingsDefault, readEndpointSettings } from "./endpoint-settings.ts";

const accepts = (name: string): boolean => endpointSettings.safeParse({ headers: { [name]: "1" } }).success;

test.each([
  "Content-Type",
  "content-length",
  "Content-Encoding",
  "content-digest",
  "Host",
  "Connection",
  "Keep-Alive",
  "Transfer-Encoding",
  "TE",
  "Upgrade",
  "Expect",
  "User-Agent",
  "Webhook-Id",
  "webhook-signature",
  "X-Webhook-Signature",
  "ethhook-replay",
  "EthHook-Sequence",
  "ethhook-previous-id",
])("a custom header cannot take the name of one that EthHook sets: %s", (name) => {
  expect(accepts(name)).toBe(false);
});

test("other headers are the endpoint's own", () => {
  for (const name of ["Authorization", "X-Tenant", "Cookie", "x-ethhook", "Accept"]) {
    expect(accepts(name), name).toBe(true);
  }
});

test("a stored header whose name became reserved is left out, and the others are still sent", () => {
  const stored = { headers: { Authorization: "Bearer 1", "ethhook-replay": "no", odd: "é" }, concurrency: 3 };
  expect(readEndpointSettings(stored)).toEqual({
    ...endpointSettingsDefault,
    headers: { Authorization: "Bearer 1" },
    concurrency: 3,
  });
});
