import { endpointSettingsDefault } from "@ethhook/schemas";
import { endpointPatch, type EndpointResource } from "@ethhook/schemas/api";
import { expect, test } from "vitest";
import { planUpdate } from "./endpoints.ts";

const current: EndpointResource = {
  id: `ep_${"a".repeat(24)}`,
  applicationId: `app_${"a".repeat(24)}`,
  url: "https://example.org/hooks",
  description: "",
  status: "enabled",
  disabledReason: null,
  filter: { chains: [1], addresses: ["0xaa"], event: { signature: "Transfer(address,address,uint256)" } },
  finality: "latest",
  format: "standard",
  sendRemoved: true,
  delivery: endpointSettingsDefault,
  filterVersion: 3,
  createdAt: "2026-01-01T00:00:00.000Z",
  updatedAt: "2026-01-01T00:00:00.000Z",
};

test("a change of the URL alone makes no new filter version", () => {
  expect(planUpdate(current, { url: "https://example.org/new" })).toEqual({ url: "https://example.org/new" });
});

test("the same filter with its fields in another order makes no new filter version", () => {
  const reordered = {
    event: { signature: "Transfer(address,address,uint256)" },
    addresses: ["0xaa"],
    chains: [1],
  };
  expect(planUpdate(current, { filter: reordered })).toEqual({});
});

test("another order of a list is another filter: only its language knows which lists are sets", () => {
  const change = planUpdate(
    { ...current, filter: { addresses: ["0xaa", "0xbb"] } },
    { filter: { addresses: ["0xbb", "0xaa"] } },
  );
  expect(change.subscription?.filter).toEqual({ addresses: ["0xbb", "0xaa"] });
});

test("a new finality becomes a version that keeps the rest of the subscription", () => {
  expect(planUpdate(current, { finality: "finalized" })).toEqual({
    subscription: { filter: current.filter, finality: "finalized", format: "standard", sendRemoved: true },
  });
});

test("a patch of one delivery setting keeps the others", () => {
  const patch = endpointPatch.parse({ delivery: { concurrency: 3 } });
  const before = { ...current, delivery: { ...endpointSettingsDefault, gzip: true } };
  expect(planUpdate(before, patch)).toEqual({
    delivery: { ...endpointSettingsDefault, gzip: true, concurrency: 3 },
  });
});

test("a patch of delivery settings is checked as strictly as a new endpoint's", () => {
  expect(endpointPatch.safeParse({ delivery: { concurrency: 0 } }).success).toBe(false);
  expect(endpointPatch.safeParse({ delivery: { colour: "red" } }).success).toBe(false);
  expect(endpointPatch.safeParse({}).success).toBe(false);
});
