import { deliveryCodec } from "@ethhook/schemas";
import { expect, test } from "vitest";
import { testDelivery } from "./test-delivery.ts";

test("a test is a delivery like any other: the delivery service can read it", () => {
  const endpoint = {
    id: `ep_${"a".repeat(24)}`,
    applicationId: `app_${"a".repeat(24)}`,
    format: "standard",
    finality: "latest",
    filterVersion: 3,
  } as const;
  const delivery = testDelivery(
    endpoint,
    `usr_${"a".repeat(24)}`,
    `msg_${"0".repeat(32)}`,
    1_790_000_000_000,
  );
  expect(deliveryCodec.decode(deliveryCodec.encode(delivery))).toEqual({ ok: true, value: delivery });
  expect(JSON.parse(delivery.body)).toMatchObject({
    type: "webhook.test",
    timestamp: "2026-09-21T14:13:20.000Z",
    data: { endpointId: endpoint.id },
  });
});
