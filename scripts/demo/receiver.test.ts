import { Webhook } from "standardwebhooks";
import { afterEach, expect, test } from "vitest";
import { startReceiver, type Receipt, type Receiver } from "./receiver.ts";

const secret = `whsec_${Buffer.alloc(24, 7).toString("base64")}`;
let receiver: Receiver | undefined;
afterEach(async () => receiver?.stop());

async function setUp() {
  const receipts: Receipt[] = [];
  receiver = await startReceiver((receipt) => receipts.push(receipt));
  receiver.trust("/hooks/a", secret);
  const url = receiver.url;
  const post = async (path: string, body: string, signedWith: string, id = "msg_1") => {
    const at = new Date();
    const signature = new Webhook(signedWith).sign(id, at, body);
    const headers = {
      "webhook-id": id,
      "webhook-timestamp": String(Math.floor(at.getTime() / 1000)),
      "webhook-signature": signature,
    };
    return (await fetch(url + path, { method: "POST", body, headers })).status;
  };
  return { post, receipts, totals: () => receiver!.totals() };
}

test("a webhook with a right signature is taken and reported with its id", async () => {
  const { post, receipts } = await setUp();
  expect(await post("/hooks/a", '{"type":"log.new"}', secret)).toBe(204);
  expect(receipts).toMatchObject([{ webhookId: "msg_1", path: "/hooks/a", first: true }]);
});

test("a webhook signed with another secret is refused", async () => {
  const { post, receipts, totals } = await setUp();
  const other = `whsec_${Buffer.alloc(24, 8).toString("base64")}`;
  expect(await post("/hooks/a", "{}", other)).toBe(401);
  expect(receipts).toEqual([]);
  expect(totals()).toMatchObject({ refused: 1, webhooks: 0 });
});

test("a path without a secret is refused", async () => {
  const { post } = await setUp();
  expect(await post("/hooks/b", "{}", secret)).toBe(401);
});

test("a repeated webhook id counts as a duplicate, not as another webhook", async () => {
  const { post, totals } = await setUp();
  await post("/hooks/a", "{}", secret);
  expect(await post("/hooks/a", "{}", secret)).toBe(204);
  expect(totals()).toEqual({ requests: 2, webhooks: 1, duplicates: 1, refused: 0 });
});
