import { expect, test } from "vitest";
import type { ClickHouse } from "./clickhouse-client.ts";
import { withLock } from "./clickhouse-lock.ts";

/** The lock table of a server; `holder` is its comment, undefined when there is no such table. */
function serverWithLock() {
  const server = { holder: undefined as string | undefined };
  const db: ClickHouse = {
    async command(sql) {
      const renewed = /MODIFY COMMENT '(.*)'/.exec(sql)?.[1];
      if (renewed !== undefined) server.holder = renewed;
      else if (sql.startsWith("DROP TABLE")) server.holder = undefined;
      else throw new Error(`unexpected: ${sql}`);
    },
    async tryCommand(sql) {
      if (server.holder !== undefined) return false;
      server.holder = /COMMENT '(.*)'/.exec(sql)?.[1];
      return true;
    },
    async rows<T>() {
      return (server.holder === undefined ? [] : [{ comment: server.holder }]) as T[];
    },
    close: async () => undefined,
  };
  return { db, server };
}

test("a migrator holds the lock while it works, and gives it back, also when it fails", async () => {
  const { db, server } = serverWithLock();
  await withLock(db, async (renew) => {
    await renew();
    expect(server.holder).toBeDefined();
  });
  expect(server.holder).toBeUndefined();
  await expect(withLock(db, () => Promise.reject(new Error("a statement failed")))).rejects.toThrow(
    "a statement",
  );
  expect(server.holder).toBeUndefined();
});

test("a migrator that was replaced while it worked goes no further and leaves the lock to its new holder", async () => {
  const { db, server } = serverWithLock();
  const replaced = withLock(db, async (renew) => {
    server.holder = "another migrator";
    await renew();
  });
  await expect(replaced).rejects.toThrow("another migrator took over");
  expect(server.holder).toBe("another migrator");
});
