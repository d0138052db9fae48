import { expect, test } from "vitest";
import type { RpcFailure } from "../core/rpc/rpc-error.ts";
import { failureOf } from "./json-rpc-answer.ts";
import { retryAfterToMs } from "./http-json-rpc.ts";

/** As nodes and providers were seen to word them. */
const wordings: readonly (readonly [RpcFailure, number, string])[] = [
  ["range-too-large", -32_005, "query returned more than 10000 results"],
  [
    "range-too-large",
    -32_602,
    "query returned more than 10000 results. Try with this block range [0x1, 0x2].",
  ],
  [
    "range-too-large",
    -32_602,
    "Log response size exceeded. You can make eth_getLogs requests with up to a 2K block range and no limit on the response size",
  ],
  ["range-too-large", -32_000, "block range is too wide"],
  ["range-too-large", -32_000, "exceed maximum block range: 5000"],
  ["range-too-large", -32_614, "eth_getLogs is limited to a 10,000 range"],
  ["range-too-large", -32_600, "eth_getLogs and eth_newFilter are limited to a 10,000 blocks range"],
  ["range-too-large", -32_000, "query exceeds max results 20000, retry with the range 1-2"],
  ["range-too-large", -32_000, "logs matched by query exceeds limit of 10000"],
  ["range-too-large", -32_000, "Range exceeds limit, maximum 1024"],
  [
    "range-too-large",
    -32_701,
    "Please specify an address in your request or, to remove restrictions, order a dedicated full node; block range limit",
  ],
  ["range-too-large", -32_000, "maximum 50 blocks range"],
  ["range-too-large", -32_000, "requested too many blocks from 1 to 100000, maximum is set to 2048"],
  ["range-too-large", -32_000, "response is too big"],
  ["range-too-large", -32_008, "Response size is larger than 150MB limit error"],
  ["range-too-large", 35, "ranges over 10000 blocks are not supported on freetier"],
  ["range-too-large", -32_000, "query timeout exceeded"],
  ["range-too-large", -32_000, "backend response too large"],
  ["range-too-large", -32_603, "block range greater than 2000 max"],
  ["range-too-large", -32_000, "invalid block range params: block range too large, range: 99999, max: 3000"],
  ["range-too-large", -32_005, "limit exceeded"],
  ["rate-limited", -32_005, "daily request count exceeded, request rate limited"],
  ["rate-limited", 429, "Your app has exceeded its compute units per second capacity."],
  ["rate-limited", -32_007, "50/second request limit reached - reduce calls per second"],
  ["rate-limited", -32_029, "Too Many Requests"],
  ["unknown-block", -32_000, "unknown block"],
  ["unknown-block", -32_001, "block not found"],
  ["unknown-block", -32_000, "header not found"],
  ["unknown-block", -32_000, "missing trie node 1234 (path )"],
  ["refused", -32_601, "the method eth_getBlockReceipts is not supported"],
  ["refused", -32_600, "invalid API key"],
];

test.each(wordings)("%s: code %i, %s", (failure, code, message) => {
  expect(failureOf("eth_getLogs", { code, message }).failure).toBe(failure);
});

test("Retry-After is read as seconds or as a date", () => {
  expect(retryAfterToMs("7", 0)).toBe(7_000);
  expect(retryAfterToMs("Thu, 01 Jan 1970 00:00:09 GMT", 4_000)).toBe(5_000);
  expect(retryAfterToMs("soon", 0)).toBeUndefined();
  expect(retryAfterToMs(undefined, 0)).toBeUndefined();
});
