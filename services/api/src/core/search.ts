import type { AttemptQuery, DeliveryQuery } from "@ethhook/schemas/api";
import { answer, refuse, type Answer } from "./answer.ts";

/** Which part of the past a page is taken from: newest first, both ends in Unix milliseconds. */
export interface SearchWindow {
  /** Included. */
  readonly sinceMs: number;
  /** Not included. */
  readonly untilMs: number;
  /** Items strictly older than this one; null for the first page. */
  readonly before: { readonly atMs: number; readonly id: string } | null;
}

const dayMs = 86_400_000;

/** A webhook or transaction is looked for in all of the past; anything else, in the last day unless the query says more. */
export function deliveryWindow(query: DeliveryQuery, nowMs: number): Answer<SearchWindow> {
  const isNamed = query.webhookId !== undefined || query.transactionHash !== undefined;
  return windowOf(query, isNamed ? 0 : nowMs - dayMs, nowMs);
}

export function attemptWindow(query: AttemptQuery, nowMs: number): Answer<SearchWindow> {
  return windowOf(query, query.webhookId === undefined ? nowMs - dayMs : 0, nowMs);
}

function windowOf(
  query: Pick<DeliveryQuery, "since" | "until" | "after">,
  sinceMsDefault: number,
  nowMs: number,
): Answer<SearchWindow> {
  const before = query.after === undefined ? null : readCursor(query.after);
  if (before === undefined) {
    const problem = { path: "query.after", message: "expected the `next` of the page before" };
    return refuse("INVALID_REQUEST", `${problem.path}: ${problem.message}`, [problem]);
  }
  return answer({
    sinceMs: query.since === undefined ? sinceMsDefault : Date.parse(query.since),
    // A clock that is a little ahead must not hide the newest.
    untilMs: query.until === undefined ? nowMs + dayMs : Date.parse(query.until),
    before,
  });
}

/** A page of the items that were found, one more than asked for when there is a next page. */
export function nextAfter<T>(
  found: readonly T[],
  limit: number,
  positionOf: (last: T) => readonly [atMs: number, id: string],
): { items: T[]; next: string | null } {
  const items = found.slice(0, limit);
  const last = items.at(-1);
  return { items, next: found.length > limit && last !== undefined ? positionOf(last).join("~") : null };
}

function readCursor(text: string): { atMs: number; id: string } | undefined {
  const [, atMs, id] = /^(\d{1,16})~(\w+)$/.exec(text) ?? [];
  return atMs === undefined || id === undefined ? undefined : { atMs: Number(atMs), id };
}
