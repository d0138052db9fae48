import type { Fates, PlacedLog, Trace, Window } from "./types.ts";

/** Where logs, webhooks and attempts of a window are read. Two kinds: the topics, and ClickHouse for what those no longer hold. */
export interface Evidence {
  readonly name: "topics" | "clickhouse";
  /** At least every log of the window, each at least once. */
  logs(window: Window): AsyncIterable<readonly PlacedLog[]>;
  /** Webhooks that matching made of the window's logs, by id. */
  traces(window: Window): Promise<ReadonlyMap<string, Trace>>;
  fates(window: Window, ids: ReadonlySet<string>): Promise<Pick<Fates, "delivered" | "attempted" | "dead">>;
  close(): Promise<void>;
}

/** Clocks of producers differ, and a transaction takes a moment. */
export const clockMarginMs = 60_000;
