import type { AttemptResource, DeliveryResource, DeliveryStatus } from "@ethhook/schemas/api";
import type { DeliveryHistory } from "../core/ports.ts";
import type { SearchWindow } from "../core/search.ts";
import type { ClickHouse } from "./clickhouse-client.ts";
import { instant, prefixed } from "./clickhouse-text.ts";

const deliveryColumns = `
  webhook_id AS webhookId, endpoint_id AS endpointId, application_id AS applicationId, kind, chain_id AS chainId,
  block_number AS blockNumber, hex(block_hash) AS blockHex, ${instant("block_time")} AS blockTime,
  hex(transaction_hash) AS transactionHex, log_index AS logIndex, hex(contract) AS contractHex, finality, format,
  filter_version AS filterVersion, why, seen_at AS seenAt, matched_at AS matchedAt, precedence`;

const attemptColumns = `
  attempt_id AS attemptId, webhook_id AS webhookId, endpoint_id AS endpointId, application_id AS applicationId,
  chain_id AS chainId, attempt, outcome, nullIf(status_code, 0) AS statusCode, nullIf(error, '') AS error,
  response_body AS responseBody, started_at AS startedAt, connect_ms AS connectMs, tls_ms AS tlsMs,
  first_byte_ms AS firstByteMs, total_ms AS totalMs, e2e_ms AS e2eMs, next_attempt_at AS nextAttemptAt, origin`;

type FoundDelivery = Omit<DeliveryResource, keyof Outcome | "contract" | "blockHash" | "transactionHash"> & {
  readonly blockHex: string;
  readonly transactionHex: string;
  readonly contractHex: string;
  /** Of several rows of a webhook, the one with the highest stays. */
  readonly precedence: number;
};
type Outcome = Pick<DeliveryResource, "status" | "attempts" | "lastAttemptAt" | "lastStatusCode">;

/** What is told of a POST on the page of its webhooks. */
type Post = Pick<AttemptResource, "attemptId" | "outcome" | "statusCode" | "startedAt">;
interface PostOfPage extends Post {
  readonly webhookIds: readonly string[];
}

/** A search as SQL: conditions and the parameters that they name. */
interface Search {
  readonly where: string;
  readonly params: Record<string, unknown>;
}

/**
 * The past of a user's webhooks, without joins: a page of deliveries, then the attempts of that page.
 * A row may stand twice until ClickHouse merges it away. FINAL would merge all rows of the window to show a page of them; here
 * rows are read in the order of their key, newest first, until the page is full, and repeated ones are left out of it.
 */
export function createClickHouseHistory(db: ClickHouse): DeliveryHistory {
  async function withOutcomes(
    userId: string,
    found: readonly FoundDelivery[],
  ): Promise<readonly DeliveryResource[]> {
    if (found.length === 0) return [];
    const oldestMs = Math.min(...found.map(({ blockTime }) => Date.parse(blockTime)));
    const ids = found.map(({ webhookId }) => webhookId);
    const rows = await db.rows<PostOfPage>(
      `SELECT if(empty(batch), [attempts.webhook_id], arrayIntersect(batch, {ids:Array(String)})) AS webhookIds, attempt_id AS attemptId, outcome,
              nullIf(status_code, 0) AS statusCode, started_at AS startedAt
       FROM attempts WHERE user_id = {userId:String} AND ${sinceFirst}
         AND (webhook_id IN {ids:Array(String)} OR hasAny(batch, {ids:Array(String)}))`,
      { userId, first: firstPostMs(oldestMs), ids },
    );
    const posts = postsByWebhook(rows);
    return found.map((row) => ({ ...resourceOf(row), ...outcomeOf(posts.get(row.webhookId) ?? []) }));
  }

  const attemptsWhere = (userId: string, { where, params }: Search, limit: number) =>
    withoutRepeats<AttemptResource>(
      limit,
      { idOf: ({ attemptId }) => attemptId, precedenceOf: () => 0 },
      (rows, once) =>
        db.rows<AttemptResource>(
          `SELECT ${attemptColumns} FROM attempts WHERE user_id = {userId:String} AND (${where})
         ORDER BY started_at DESC, attempt_id DESC ${once ? "LIMIT 1 BY started_at, attempt_id" : ""} LIMIT {rows:UInt32}`,
          { ...params, userId, rows },
        ),
    );

  return {
    async searchDeliveries(userId, query, window, limit) {
      const { status, webhookId, endpointId, applicationId, chainId, contract, blockNumber } = query;
      const search = conditions({
        ...inWindow("block_time", "webhook_id", window, "DateTime"),
        "webhook_id = {webhookId:String}": { webhookId },
        "endpoint_id = {endpointId:String}": { endpointId },
        "application_id = {applicationId:String}": { applicationId },
        "chain_id = {chainId:UInt64}": { chainId },
        "contract = unhex({contract:String})": { contract: contract?.slice(2) },
        "transaction_hash = unhex({transaction:String})": { transaction: query.transactionHash?.slice(2) },
        "block_number = {blockNumber:UInt64}": { blockNumber },
      });
      const found = await withoutRepeats<FoundDelivery>(
        limit,
        { idOf: (row) => row.webhookId, precedenceOf: (row) => row.precedence },
        (rows, once) =>
          db.rows<FoundDelivery>(
            `SELECT ${deliveryColumns} FROM deliveries
           WHERE user_id = {userId:String} AND ${search.where} ${statusCondition(status)}
           ORDER BY block_time DESC, webhook_id DESC
           ${once ? ", precedence DESC LIMIT 1 BY block_time, webhook_id" : ""} LIMIT {rows:UInt32}`,
            { ...search.params, userId, rows, first: firstPostMs(window.sinceMs) },
          ),
      );
      return withOutcomes(userId, found);
    },

    async findDelivery(userId, webhookId) {
      const [found, attempts] = await Promise.all([
        db.rows<FoundDelivery & { body: string }>(
          `SELECT ${deliveryColumns}, body FROM deliveries
           WHERE user_id = {userId:String} AND webhook_id = {webhookId:String} ORDER BY precedence DESC LIMIT 1`,
          { userId, webhookId },
        ),
        attemptsWhere(userId, { where: named, params: { webhookId } }, 1_000),
      ]);
      const [first] = found;
      if (first === undefined) return null;
      const { body, ...row } = first;
      const delivery = { ...resourceOf(row), ...outcomeOf(attempts) };
      return { delivery, body, attempts: attempts.toReversed() };
    },

    searchAttempts(userId, query, window, limit) {
      const { webhookId, endpointId, applicationId, chainId, outcome } = query;
      const search = conditions({
        ...inWindow("started_at", "attempt_id", window, "DateTime64(3)"),
        [named]: { webhookId },
        "endpoint_id = {endpointId:String}": { endpointId },
        "application_id = {applicationId:String}": { applicationId },
        "chain_id = {chainId:UInt64}": { chainId },
        "outcome = {outcome:String}": { outcome },
      });
      return attemptsWhere(userId, search, limit);
    },
  };
}

function resourceOf(found: FoundDelivery): Omit<DeliveryResource, keyof Outcome> {
  const { blockHex, transactionHex, contractHex, precedence: _, ...row } = found;
  return {
    ...row,
    blockHash: prefixed(blockHex),
    transactionHash: prefixed(transactionHex),
    contract: prefixed(contractHex),
  };
}

interface Identity<T> {
  idOf(row: T): string;
  precedenceOf(row: T): number;
}

/**
 * A page without rows that stand twice, as after a release or a replay until ClickHouse merges them. The page is asked for as it
 * stands: in the order of the table's key and nothing else, or all of the window would be sorted. Twice the rows are enough where each
 * stands twice; one more shows whether the last one is there with all of its rows. If that makes no full page, more are asked for, and
 * at last each once, which reads the whole window.
 */
async function withoutRepeats<T>(
  limit: number,
  identity: Identity<T>,
  ask: (rows: number, once: boolean) => Promise<readonly T[]>,
): Promise<readonly T[]> {
  for (const count of [limit * 2 + 1, limit * 8]) {
    const rows = await ask(count, false);
    const best = bestOf(rows, identity);
    if (rows.length < count || best.length > limit) return best.slice(0, limit);
  }
  return ask(limit, true);
}

/** Of each id the row of the highest precedence, in the order of the rows. */
function bestOf<T>(rows: readonly T[], { idOf, precedenceOf }: Identity<T>): T[] {
  const best = new Map<string, T>();
  for (const row of rows) {
    const known = best.get(idOf(row));
    if (known === undefined || precedenceOf(row) > precedenceOf(known)) best.set(idOf(row), row);
  }
  return [...best.values()];
}

/** Each POST once, newest first, under every webhook of the page that it carried. */
function postsByWebhook(rows: readonly PostOfPage[]): ReadonlyMap<string, readonly Post[]> {
  const once = [...new Map(rows.map((row) => [row.attemptId, row])).values()];
  const posts = new Map<string, Post[]>();
  for (const { webhookIds, ...post } of once.toSorted((a, b) => (a.startedAt < b.startedAt ? 1 : -1))) {
    for (const id of webhookIds) posts.set(id, [...(posts.get(id) ?? []), post]);
  }
  return posts;
}

/** @param attempts of one webhook, newest first. */
function outcomeOf(attempts: readonly Post[]): Outcome {
  const [last] = attempts;
  if (last === undefined)
    return { status: "pending", attempts: 0, lastAttemptAt: null, lastStatusCode: null };
  return {
    status: attempts.some(({ outcome }) => outcome === "delivered") ? "delivered" : "failed",
    attempts: attempts.length,
    lastAttemptAt: last.startedAt,
    lastStatusCode: last.statusCode,
  };
}

const named = "webhook_id = {webhookId:String} OR has(batch, {webhookId:String})";

/** Only the conditions whose parameters are all given. */
function conditions(all: Readonly<Record<string, Record<string, unknown>>>): Search {
  const used = Object.entries(all).filter(([, params]) =>
    Object.values(params).every((value) => value !== undefined),
  );
  return {
    where: used.map(([condition]) => `(${condition})`).join(" AND "),
    params: Object.assign({}, ...used.map(([, params]) => params)) as Record<string, unknown>,
  };
}

function inWindow(
  time: string,
  id: string,
  { sinceMs, untilMs, before }: SearchWindow,
  type: "DateTime" | "DateTime64(3)",
): Record<string, Record<string, unknown>> {
  const at = (name: string): string =>
    type === "DateTime"
      ? `fromUnixTimestamp({${name}:Int64})`
      : `fromUnixTimestamp64Milli({${name}:Int64}, 'UTC')`;
  const unit = type === "DateTime" ? 1_000 : 1;
  const units = (ms: number): number => Math.floor(ms / unit);
  return {
    [`${time} >= ${at("since")} AND ${time} < ${at("until")}`]: {
      since: units(sinceMs),
      until: units(untilMs),
    },
    [`(${time}, ${id}) < (${at("before")}, {beforeId:String})`]: {
      before: before === null ? undefined : units(before.atMs),
      beforeId: before?.id,
    },
  };
}

/** Ids of the webhooks that an attempt carried: its own, or those of its batch. */
const carried = "if(empty(batch), [attempts.webhook_id], batch)";
const sinceFirst = "started_at >= fromUnixTimestamp64Milli({first:Int64}, 'UTC')";

/** No POST is made before its block, but a block's time may be ahead of our clock. */
function firstPostMs(blockMs: number): number {
  return Math.max(0, blockMs - 3_600_000);
}

/** As sets of ids that are as small as can be. What failed is kept apart (`troubled_attempts`): it is the few. */
function statusCondition(status: DeliveryStatus | undefined): string {
  const ofUser = `WHERE user_id = {userId:String} AND ${sinceFirst}`;
  const failed = `(SELECT webhook_id FROM troubled_attempts ${ofUser} AND webhook IN (
    SELECT webhook FROM troubled_attempts ${ofUser} GROUP BY webhook HAVING countIf(outcome = 'delivered') = 0))`;
  const attempted = `(SELECT arrayJoin(${carried}) FROM attempts ${ofUser})`;
  switch (status) {
    case undefined:
      return "";
    case "delivered":
      return `AND webhook_id IN ${attempted} AND webhook_id NOT IN ${failed}`;
    case "failed":
      return `AND webhook_id IN ${failed}`;
    case "pending":
      return `AND webhook_id NOT IN ${attempted}`;
  }
}
