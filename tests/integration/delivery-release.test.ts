import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createPostgresRelease } from "@ethhook/delivery/postgres-release";
import { startPostgres } from "@ethhook/infra";
import { createPostgres } from "@ethhook/kit/postgres";
import { deliveryCodec, type Delivery } from "@ethhook/schemas";
import { migratePostgres } from "@ethhook/scripts/migrate";
import { afterAll, beforeAll, expect, test } from "vitest";
import { deliveryOf } from "../support/delivery-stage.ts";
import { testLogger } from "../support/kafka-bench.ts";

const dataDir = mkdtempSync(join(tmpdir(), "ethhook-release-"));
const engine = await startPostgres({ dataDir });
const pools = [1, 2].map(() => createPostgres({ url: engine.url, logger: testLogger }));
const db = pools[0]!;

beforeAll(() => migratePostgres(engine.url));
afterAll(async () => {
  await Promise.all(pools.map((pool) => pool.end()));
  await engine.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

const idsOf = (deliveries: readonly Delivery[]) => deliveries.map(({ webhookId }) => webhookId);
const nowMs = Date.now();

interface RowChange {
  readonly reason?: string;
  readonly unsure?: boolean;
  readonly attemptsMade?: number;
}

/** Due rows of an endpoint, in the order of their places. */
async function park(endpointId: string, rows: number, change: RowChange = {}): Promise<readonly Delivery[]> {
  const deliveries = Array.from({ length: rows }, (_, n) => deliveryOf({ id: endpointId }, n));
  const { reason = "retry", unsure = false, attemptsMade = 0 } = change;
  await db.query(
    `INSERT INTO parked_deliveries
       (webhook_id, replay, endpoint_id, application_id, user_id, partition, position, unsure, reason, due_at, attempts_made, payload)
     SELECT id, false, $1, 'app', 'usr', 0, n, $2, $3, to_timestamp(0), $4, payload
     FROM unnest($5::text[], $6::text[]) WITH ORDINALITY AS t(id, payload, n)`,
    [
      endpointId,
      unsure,
      reason,
      attemptsMade,
      idsOf(deliveries),
      deliveries.map((one) => deliveryCodec.encode(one)),
    ],
  );
  return deliveries;
}

test("two release loops at once share an endpoint's rows: none is released twice, none is left out", async () => {
  const parked = await park("ep_two", 300);
  const taken: Delivery[][] = [];
  const both = Promise.withResolvers<void>();
  // Each has its rows in hand while the other asks for its own.
  const publish = async (deliveries: readonly Delivery[]) => {
    if (taken.push([...deliveries]) === 2) both.resolve();
    await both.promise;
  };
  const released = await Promise.all(
    pools.map((pool) =>
      createPostgresRelease(pool, testLogger).release(
        [{ endpointId: "ep_two", rowsMax: 150 }],
        nowMs,
        publish,
      ),
    ),
  );
  expect(released.flat().map(({ rows }) => rows)).toEqual([150, 150]);
  expect(taken.flatMap(idsOf).toSorted()).toEqual(idsOf(parked).toSorted());
  const { rows } = await db.query("SELECT FROM parked_deliveries WHERE endpoint_id = 'ep_two'");
  expect(rows).toHaveLength(0);
});

test("rows that the log did not take stay, for whoever asks next", async () => {
  const parked = await park("ep_refused", 3);
  const [first, second] = pools.map((pool) => createPostgresRelease(pool, testLogger));
  const request = [{ endpointId: "ep_refused", rowsMax: 10 }];
  await expect(first!.release(request, nowMs, () => Promise.reject(new Error("no broker")))).rejects.toThrow(
    "no broker",
  );
  let published: readonly Delivery[] = [];
  await second!.release(request, nowMs, async (deliveries) => void (published = deliveries));
  expect(idsOf(published).toSorted()).toEqual(idsOf(parked).toSorted());
});

test.each([
  [{ reason: "busy" }, 0],
  [{ reason: "busy", unsure: true }, 1],
  [{ reason: "sending" }, 1],
  [{ reason: "retry", unsure: true, attemptsMade: 4 }, 4],
])("what comes back counts an attempt if its POST may have been begun: %o", async (change, attemptsMade) => {
  const endpointId = `ep_${JSON.stringify(change).length}`;
  await park(endpointId, 1, change);
  let published: readonly Delivery[] = [];
  const request = [{ endpointId, rowsMax: 10 }];
  await createPostgresRelease(db, testLogger).release(
    request,
    nowMs,
    async (deliveries) => void (published = deliveries),
  );
  expect(published.map((one) => [one.origin, one.attemptsMade])).toEqual([["release", attemptsMade]]);
  await db.query("DELETE FROM parked_deliveries");
});

const takeBack = async (id: string) =>
  (await db.query<{ fate: string }>("SELECT take_back($1, 0) AS fate", [id])).rows[0]?.fate;
const isParked = async (id: string) =>
  (await db.query("SELECT FROM parked_deliveries WHERE webhook_id = $1", [id])).rows.length > 0;

test("a log that was taken back and parked again goes again, and is begun only if an attempt was made since", async () => {
  const [{ webhookId }] = (await park("ep_again", 1)) as [Delivery];
  expect(await takeBack(webhookId)).toBe("never-begun");
  await park("ep_again", 1, { reason: "busy", unsure: true });
  expect([await takeBack(webhookId), await isParked(webhookId)]).toEqual(["never-begun", false]);
  await park("ep_again", 1, { attemptsMade: 1 });
  expect([await takeBack(webhookId), await isParked(webhookId)]).toEqual(["begun", false]);
  expect(await takeBack(webhookId), "something of it was sent, so its removal is").toBe("absent");
});
