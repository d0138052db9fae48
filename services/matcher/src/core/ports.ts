import type { Finality, Log } from "@ethhook/schemas";
import type { Epoch } from "./epochs.ts";
import type { FilterVersion } from "./filter-set.ts";
import type { Match } from "./subscription.ts";

/** A partition of `logs.*` as matching knows it. */
export interface LogPartition {
  readonly chainId: number;
  /** Lower-case name of the chain. */
  readonly chain: string;
  readonly partition: number;
}

/** A record as it was fetched. */
export interface SourceRecord {
  readonly offset: number;
  readonly key: string | null;
  readonly value: Uint8Array | null;
  /** When it entered the log, Unix milliseconds. */
  readonly timestampMs: number;
  /** Why `value` is a whole batch that nobody can read. */
  readonly unreadable?: string;
}

/** What one fetch brought of one partition. */
export interface SourceBatch {
  readonly records: readonly SourceRecord[];
  /** False once the partition belongs to another owner or was sought elsewhere. */
  isCurrent(): boolean;
  settle(offset: number): void;
}

/** The filters in memory; see `FilterSet`. */
export interface Filters {
  versionAt(timeMs: number): number;
  oldest(): number;
  newest(): number;
  match(log: Log, finality: Finality, version: number): readonly Match[];
  size(finality: Finality): number;
  /** Brings an older version into memory. Rejects when it cannot. */
  load(version: number): Promise<void>;
}

/** Where epochs are kept for ever. */
export interface EpochLog {
  /** Resolves once the epoch is durable: false when another process has taken the partition over. */
  record(partition: LogPartition, epoch: Epoch): Promise<boolean>;
}

/** Where deliveries and dead letters go. */
export interface Outbox {
  /** Resolves once the broker holds all of them; calls keep their order. */
  send(records: readonly Outgoing[]): Promise<void>;
  /** Resolves once there is room for more. */
  room(): Promise<void>;
  hasRoom(): boolean;
}

/** A record to be written; the adapter's own type. */
export interface Outgoing {
  readonly topic: string;
  readonly key: string;
  readonly value: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Why a partition is at a standstill until the process is replaced. */
export interface Standstill {
  readonly reason: "newer" | "poison" | "taken-over";
  readonly detail: string;
  readonly offset: number;
}

/** Addresses that share a list and the versions for which they are in it. */
export interface ListRows {
  readonly addresses: readonly string[];
  readonly fromVersion: number;
  /** Null while they stand. */
  readonly untilVersion: number | null;
}

/** A version that changed a list. */
export interface ListChange {
  readonly version: number;
  readonly userId: string;
  readonly name: string;
  readonly createdAtMs: number;
}

/** Where filters and lists are kept for ever; read in pages that never hold up the process for long. */
export interface FilterHistory {
  /** The newest version that is at least so old. */
  versionBefore(ageMs: number): Promise<number>;
  head(): Promise<number>;
  /** The state at a version: the newest row of each endpoint, deleted ones left out, ascending. */
  stateAt(version: number): AsyncIterable<readonly FilterVersion[]>;
  /** Rows of versions above `after` up to `upTo`, ascending. */
  between(after: number, upTo: number): Promise<readonly FilterVersion[]>;
  changesBetween(after: number, upTo: number): Promise<readonly ListChange[]>;
  /** Every membership of a list that some version from `since` to `upTo` has. */
  list(userId: string, name: string, since: number, upTo: number): AsyncIterable<ListRows>;
  /** What one version changed in a list. */
  listChange(userId: string, name: string, version: number): AsyncIterable<ListRows>;
}
