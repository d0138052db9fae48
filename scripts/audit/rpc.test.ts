import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import type { Log } from "@ethhook/schemas";
import { builtInChains } from "@ethhook/topology";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createLedgerScript } from "../testing/ledger.ts";
import { auditRpc } from "./rpc.ts";

const base = builtInChains.find(({ name }) => name === "base")!;
const logs = [0, 1].map(
  (logIndex) =>
    ({
      logIndex,
      transactionHash: `0x${"1".repeat(64)}`,
      address: `0x${"a".repeat(40)}`,
      topics: [`0x${"2".repeat(64)}`],
      data: "0x2a",
    }) as unknown as Log,
);
const script = createLedgerScript(base.id, 100);
const block = script.add(logs);
const window = { chain: base, records: new Map([[block.sequence, block]]), fromMs: 0, toMs: 1 };
const rpcLogs = logs.map((log) => ({ ...log, logIndex: `0x${log.logIndex}` }));

interface Reply {
  readonly status?: number;
  readonly body: string;
}
const result = (value: unknown): Reply => ({
  body: JSON.stringify({ jsonrpc: "2.0", id: 1, result: value }),
});
const error = (code: number, message: string): Reply => ({
  body: JSON.stringify({ jsonrpc: "2.0", id: 1, error: { code, message } }),
});
/** What the provider answers, by method; `hang up` without an entry. */
let replies: Record<string, Reply>;
let asked: string[];
let server: Server;
let url: string;

beforeAll(async () => {
  server = createServer((request, response) => {
    void json(request).then((call) => {
      const { method } = call as { readonly method: string };
      asked.push(method);
      const reply = replies[method];
      if (reply === undefined) request.socket.destroy();
      else response.writeHead(reply.status ?? 200).end(reply.body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());
beforeEach(() => {
  asked = [];
  replies = {
    eth_chainId: result("0x2105"),
    eth_getBlockReceipts: result(rpcLogs.map((log) => ({ logs: [log] }))),
    eth_getLogs: result(rpcLogs),
  };
});

const problems = async () => (await auditRpc(window, url)).problems.map(({ detail }) => detail);

test("a provider with the same receipts proves the block, and is asked for nothing more", async () => {
  expect(await auditRpc(window, url)).toEqual({ compared: 1, problems: [] });
  expect(asked).toEqual(["eth_chainId", "eth_getBlockReceipts"]);
});

test("a receipt that the provider does not have is a difference, not the end", async () => {
  replies["eth_getBlockReceipts"] = result([{ logs: rpcLogs }, null]);
  expect(await problems()).toEqual(["the provider lacks 1 of its 2 receipts"]);
});

test.each([
  ["no block", result(null)],
  ["an error that says so", error(-32000, "header not found")],
])("a block that the provider does not know is a difference: %s", async (_, reply) => {
  replies["eth_getBlockReceipts"] = reply;
  expect(await problems()).toEqual(["the provider does not know this block"]);
});

test.each([
  error(-32601, "the method eth_getBlockReceipts does not exist/is not available"),
  error(-32004, "unsupported"),
  { ...error(-32000, "Method not supported"), status: 400 },
])("only a provider without the method is asked for the logs instead: $body", async (reply) => {
  replies["eth_getBlockReceipts"] = reply;
  expect(await problems()).toEqual([]);
  replies["eth_getLogs"] = result(rpcLogs.slice(1));
  expect(await problems()).toEqual(["1 logs at the provider, 2 in the ledger"]);
});

test.each([
  [error(-32005, "rate limit exceeded"), "eth_getBlockReceipts: rate limit exceeded"],
  [{ status: 429, body: "slow down" }, "eth_getBlockReceipts: HTTP 429 slow down"],
  [{ status: 502, body: "<html>" }, "eth_getBlockReceipts: HTTP 502"],
  [result([{ logs: [{ logIndex: 1 }] }]), "eth_getBlockReceipts with what it cannot be"],
])("any other failure is told as it is: %#", async (reply, words) => {
  replies["eth_getBlockReceipts"] = reply;
  await expect(auditRpc(window, url)).rejects.toThrow(`the provider of --rpc answers ${words}`);
  expect(asked).not.toContain("eth_getLogs");
});

test("a connection that breaks is no proof either", async () => {
  delete replies["eth_getBlockReceipts"];
  await expect(auditRpc(window, url)).rejects.toMatchObject({ code: "AUDIT_IMPOSSIBLE" });
  expect(asked).not.toContain("eth_getLogs");
});

test("a provider of another chain is refused before it is asked for a block", async () => {
  replies["eth_chainId"] = result("0x1");
  await expect(auditRpc(window, url)).rejects.toThrow("is of chain 1, not of base (8453)");
  expect(asked).toEqual(["eth_chainId"]);
});
