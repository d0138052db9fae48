import { expect, test } from "vitest";
import { createClickHouseHistory } from "./clickhouse-history.ts";

interface Row {
  readonly webhookId: string;
  readonly precedence: number;
  readonly why: string;
}

const window = { sinceMs: 0, untilMs: 1, before: null };
const match = (n: number): Row => ({ webhookId: `msg_${n}`, precedence: 2, why: "match" });
const replay = (n: number): Row => ({ webhookId: `msg_${n}`, precedence: 0, why: "replay" });

/** A table of these rows, in the order of its key; what was asked of it, as `rows` or `rows each once`. */
function historyOf(rows: readonly Row[]) {
  const asked: string[] = [];
  const history = createClickHouseHistory({
    async rows<T>(query: string, params: Readonly<Record<string, unknown>>): Promise<T[]> {
      if (query.includes("FROM attempts")) return [];
      const limit = Number(params["rows"]);
      const once = query.includes("LIMIT 1 BY");
      asked.push(once ? `${limit} each once` : String(limit));
      const best = rows.filter(({ webhookId, precedence }) =>
        rows.every((other) => other.webhookId !== webhookId || other.precedence <= precedence),
      );
      const found = (once ? best : rows).slice(0, limit);
      return found.map((row) => ({
        ...row,
        blockHex: "",
        transactionHex: "",
        contractHex: "",
        blockTime: "2026-01-01T00:00:00.000Z",
      })) as T[];
    },
    close: async () => undefined,
  });
  const page = async (limit: number): Promise<string[]> => {
    const found = await history.searchDeliveries("usr_a", { limit }, window, limit);
    return found.map(({ webhookId, why }) => `${webhookId} ${why}`);
  };
  return { page, asked };
}

test("a full page is one question, also where each webhook has two rows", async () => {
  const { page, asked } = historyOf([match(1), match(2), match(3)]);
  expect(await page(2)).toEqual(["msg_1 match", "msg_2 match"]);
  const twice = historyOf([1, 2, 3].flatMap((n) => [replay(n), match(n)]));
  expect(await twice.page(2)).toEqual(["msg_1 match", "msg_2 match"]);
  expect([asked, twice.asked]).toEqual([["5"], ["5"]]);
});

test("the match is shown, whichever of a webhook's rows comes first", async () => {
  const { page, asked } = historyOf([replay(1), match(1), match(2), replay(2)]);
  expect(await page(10)).toEqual(["msg_1 match", "msg_2 match"]);
  expect(asked).toEqual(["21"]);
});

test("where the rows end within a webhook, more are asked for", async () => {
  const { page, asked } = historyOf([
    match(1),
    replay(1),
    replay(2),
    replay(2),
    replay(2),
    match(2),
    match(3),
  ]);
  expect(await page(2)).toEqual(["msg_1 match", "msg_2 match"]);
  expect(asked).toEqual(["5", "16"]);
});

test("where most rows are repeats, each is asked for once", async () => {
  const rows = [1, 2, 3].flatMap((n) => [...Array.from({ length: 20 }, () => replay(n)), match(n)]);
  const { page, asked } = historyOf(rows);
  expect(await page(2)).toEqual(["msg_1 match", "msg_2 match"]);
  expect(asked).toEqual(["5", "16", "2 each once"]);
});
