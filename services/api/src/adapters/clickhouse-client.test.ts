import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { createClickHouse } from "./clickhouse-client.ts";

test("every question is asked as one that may not write, within a bound of time", async () => {
  const asked: URLSearchParams[] = [];
  const server = createServer((request, response) => {
    asked.push(new URL(request.url ?? "", "http://server").searchParams);
    request.resume().on("end", () => response.end('{"n":1}\n'));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const db = createClickHouse(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, "ethhook");
  try {
    expect(await db.rows<{ n: number }>("SELECT {n:Int8} AS n", { n: 1 })).toEqual([{ n: 1 }]);
  } finally {
    await db.close();
    server.close();
  }
  expect(asked.map((query) => [query.get("readonly"), query.get("max_execution_time")])).toEqual([
    ["2", "15"],
  ]);
});
