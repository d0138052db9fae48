import { describe, expect, test } from "vitest";
import { readRecorded, recordedNames } from "../../testing/fixtures.ts";
import type { Header } from "../model.ts";
import { parseHeader } from "../rpc/rpc-parse.ts";
import { headerHashOf } from "./header-hash.ts";
import { receiptsRootOf } from "./receipts-root.ts";
import { logsOfReceipts, verifyLogs } from "./verify.ts";

function headerOf(raw: unknown): Header {
  const parsed = parseHeader(raw);
  if (!parsed.ok) throw new Error(parsed.reason);
  return parsed.value;
}

describe.each(recordedNames)("the recorded block %s", (name) => {
  const { block, receipts, logs } = readRecorded(name);
  const header = headerOf(block);

  test("passes every check with the logs that its node served", () => {
    const verdict = verifyLogs(header, logs);
    expect(verdict).toMatchObject({ ok: true, bloom: "holds" });
    expect(verdict.ok && verdict.logs).toHaveLength(logs.length);
  });

  test("has the receiptsRoot and the hash that are recomputed from it", async () => {
    expect(await receiptsRootOf(receipts)).toBe(header.receiptsRoot);
    expect(headerHashOf(block)).toBe(header.hash);
  });

  test("fails without its last log, its first log, or all of them", () => {
    const withoutFirst = verifyLogs(header, logs.slice(1));
    expect(withoutFirst).toMatchObject(logs.length > 1 ? { ok: false, check: "index" } : { bloom: "lacks" });
    expect(verifyLogs(header, [])).toMatchObject({ ok: true, bloom: "lacks" });
  });
});

describe("a lying provider", () => {
  const { block, receipts, logs } = readRecorded("ethereum-18000000");
  const header = headerOf(block);
  const change = (at: number, fields: Record<string, unknown>) =>
    logs.map((log, index) => (index === at ? { ...log, ...fields } : log));

  test("cannot leave out a log in the middle, twist an index or repeat one", () => {
    expect(verifyLogs(header, logs.toSpliced(100, 1))).toMatchObject({ ok: false, check: "index" });
    expect(verifyLogs(header, change(5, { logIndex: "0x4" }))).toMatchObject({ ok: false, check: "index" });
    expect(verifyLogs(header, change(0, { logIndex: "0xffffffffffffffff" }))).toMatchObject({
      ok: false,
      check: "shape",
    });
  });

  test("cannot pass off logs of another fork", () => {
    const hash = `0x${"ab".repeat(32)}`;
    expect(verifyLogs(header, change(7, { blockHash: hash }))).toMatchObject({ ok: false, check: "belongs" });
    expect(verifyLogs(header, change(7, { transactionHash: hash }))).toMatchObject({
      ok: false,
      check: "belongs",
    });
  });

  test("cannot change an address or a topic, nor drop the tail where its bits are its own", () => {
    const other = `0x${"12".repeat(20)}`;
    expect(verifyLogs(header, change(290, { address: other }))).toMatchObject({
      ok: true,
      bloom: "exceeds",
    });
    expect(verifyLogs(header, change(3, { topics: [] }))).toMatchObject({ ok: true, bloom: "lacks" });
  });

  test("cannot hide a null among the logs or receipts", () => {
    expect(verifyLogs(header, [...logs.slice(0, -1), null])).toMatchObject({ ok: false, check: "shape" });
    expect(verifyLogs(header, null)).toMatchObject({ ok: false, check: "shape" });
    expect(logsOfReceipts(header, receipts.with(3, null as never))).toMatchObject({ ok: false });
    expect(logsOfReceipts(header, receipts.slice(1))).toMatchObject({ ok: false, check: "receipts" });
  });

  test("is unmasked by the root of receipts where blooms cannot: changed data", async () => {
    const changed = receipts.map((receipt) => ({
      ...receipt,
      logs: receipt.logs.map((log) => ({ ...log, data: "0x" })),
    }));
    expect(
      verifyLogs(
        header,
        changed.flatMap((receipt) => receipt.logs),
      ),
    ).toMatchObject({ bloom: "holds" });
    expect(await receiptsRootOf(changed)).not.toBe(header.receiptsRoot);
  });

  test("may send the logs in any order", () => {
    expect(verifyLogs(header, logs.toReversed())).toEqual(verifyLogs(header, logs));
  });
});
