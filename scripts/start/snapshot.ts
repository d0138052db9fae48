import type { ChainTally } from "./tally.ts";

/** How far a consumer group is behind, over all its partitions. */
export interface GroupLag {
  readonly group: string;
  readonly records: number;
}

/** A session at one moment. */
export interface Snapshot {
  /** Since the traffic began. */
  readonly seconds: number;
  /** Null: until it is stopped. */
  readonly secondsTotal: number | null;
  readonly chains: readonly ChainTally[];
  readonly latencyMs: { readonly p50: number | null; readonly p99: number | null };
  /** Webhooks received in the last seconds, per second. */
  readonly deliveriesPerSecond: number;
  readonly logsPerSecond: number;
  readonly lag: readonly GroupLag[];
  /** Name and URL. */
  readonly links: readonly (readonly [name: string, url: string])[];
  /** Requests that the receiver refused: their signature was wrong. */
  readonly refused: number;
}

/** What `--json` prints. */
export interface Summary {
  readonly chains: readonly Omit<ChainTally, "chainId" | "head">[];
  readonly latencyMs: { readonly p50: number | null; readonly p99: number | null };
  /** Rows in ClickHouse, per table. */
  readonly rows: Readonly<Record<string, number>>;
  readonly seconds: number;
  readonly versions: Readonly<Record<string, string>>;
  /** From the start of the command to the first webhook; null when none was received. */
  readonly firstWebhookSeconds: number | null;
  /** Why the session did not do what it should; empty when every log that matched was delivered. */
  readonly problems: readonly string[];
}
