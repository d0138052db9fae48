import { createHmac } from "node:crypto";
import { endpointSettings, type Delivery } from "@ethhook/schemas";
import { expect, test } from "vitest";
import { compose } from "./compose.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Job } from "./job.ts";
import { signingKey } from "./signature.ts";

const nowMs = 1_790_000_000_500;
const [current, older] = [
  "whsec_" + Buffer.alloc(32, 1).toString("base64"),
  "whsec_" + Buffer.alloc(24, 2).toString("base64"),
];
const body = '{"type":"log.new","text":"é"}';
const job = { delivery: { webhookId: "msg_1", body } as Delivery } as Job;
const endpointOf = (more: Partial<Endpoint> = {}): Endpoint => ({
  id: "ep_1",
  applicationId: "app_1",
  userId: "usr_1",
  url: "https://example.org/hook",
  status: "enabled",
  settings: endpointSettings.parse({ headers: { "X-Tenant": "7" } }),
  secrets: [{ ...signingKey(current), expiresAtMs: null }],
  ...more,
});
const v1 = (secret: string) => {
  const key = Buffer.from(secret.slice(6), "base64");
  return `v1,${createHmac("sha256", key).update(`msg_1.1790000000.${body}`).digest("base64")}`;
};

test("the POST carries the body's bytes, both signatures and the endpoint's own headers", () => {
  const { headers, ...rest } = compose(job, endpointOf(), nowMs);
  expect(rest).toEqual({
    url: "https://example.org/hook",
    body: Buffer.from(body),
    gzip: false,
    timeoutMs: 30_000,
  });
  expect(headers).toMatchObject({
    "X-Tenant": "7",
    "content-type": "application/json",
    "webhook-id": "msg_1",
    "webhook-timestamp": "1790000000",
    "webhook-signature": v1(current),
    "x-webhook-signature": createHmac("sha256", current).update(body).digest("hex"),
  });
});

test("a receiver of the system before verifies with the text that it has always had", () => {
  const text = "correct-horse-battery-staple!";
  const endpoint = endpointOf({ secrets: [{ ...signingKey(text), expiresAtMs: null }] });
  const { headers } = compose(job, endpoint, nowMs);
  expect(headers["x-webhook-signature"]).toBe(createHmac("sha256", text).update(body).digest("hex"));
  // The text's own bytes: read as base64, one of other characters would be a key of nothing that anyone can compute.
  const standard = createHmac("sha256", Buffer.from(text))
    .update(`msg_1.1790000000.${body}`)
    .digest("base64");
  expect(headers["webhook-signature"]).toBe(`v1,${standard}`);
});

test("while a secret is rotated both sign, newest first; after its time the old one does not", () => {
  const rotating = (expiresAtMs: number) =>
    endpointOf({
      secrets: [
        { ...signingKey(current), expiresAtMs: null },
        { ...signingKey(older), expiresAtMs },
      ],
    });
  const during = compose(job, rotating(nowMs + 1), nowMs).headers;
  expect(during["webhook-signature"]).toBe(`${v1(current)} ${v1(older)}`);
  expect(during["x-webhook-signature"]).toBe(createHmac("sha256", current).update(body).digest("hex"));
  expect(compose(job, rotating(nowMs), nowMs).headers["webhook-signature"]).toBe(v1(current));
});

test("a webhook that is sent again on request says so, the first one and a retry do not", () => {
  const header = (origin: Delivery["origin"]) =>
    compose({ delivery: { ...job.delivery, origin } } as Job, endpointOf(), nowMs).headers["ethhook-replay"];
  expect(header("replay")).toBe("replay");
  expect(header("redrive")).toBe("redrive");
  expect([header("match"), header("release"), header("test")]).toEqual([undefined, undefined, undefined]);
});
