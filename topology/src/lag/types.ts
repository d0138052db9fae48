/** What a broker tells of one partition that a group reads. */
export interface PartitionState {
  readonly topic: string;
  readonly partition: number;
  /** The next offset to read; null when the group never committed, and would begin with the oldest record. */
  readonly committed: number | null;
  /** The oldest offset still kept, and where a reader ends now. */
  readonly start: number;
  readonly end: number;
  /** Timestamp of the oldest record that is not committed; null when only transaction markers, or nothing, is left. */
  readonly oldestOpenMs: number | null;
  /** Where the eligible part ends, for a group that waits for finality; null for others. */
  readonly eligibleEnd: number | null;
  /** The member that owns it, as `client@host#member`; null when nobody does. */
  readonly member: string | null;
}

/** What a broker tells of one group at one moment. */
export interface GroupState {
  readonly group: string;
  /** `Stable`, `Empty`, `PreparingRebalance` … in the broker's words. */
  readonly state: string;
  readonly members: number;
  readonly partitions: readonly PartitionState[];
}

/** All groups at one moment. */
export interface LagSnapshot {
  readonly atMs: number;
  readonly groups: readonly GroupState[];
}

export interface PartitionLag {
  readonly topic: string;
  readonly partition: number;
  readonly committed: number | null;
  readonly end: number;
  /** Open records; transaction markers between them count, a marker alone does not. */
  readonly records: number;
  /** The part of them that does not wait for finality. Equals `records` for a group that waits for nothing. */
  readonly eligibleRecords: number;
  /** Age of the oldest open record; 0 without lag. */
  readonly seconds: number;
  /** Records that retention deleted before the group read them. */
  readonly lostRecords: number;
  readonly member: string | null;
}

export interface TopicLag {
  readonly topic: string;
  readonly records: number;
  readonly eligibleRecords: number;
  readonly seconds: number;
  readonly lostRecords: number;
  /** Age of the oldest open record as a share of the topic's retention; null when it is kept for ever. */
  readonly retentionRatio: number | null;
  /** Records a second, by the offsets of two snapshots; null with one snapshot. */
  readonly consumedPerSecond: number | null;
  readonly producedPerSecond: number | null;
  readonly partitions: readonly PartitionLag[];
}

export interface GroupLag {
  readonly group: string;
  readonly state: string;
  readonly members: number;
  /** Part of the topology; others are foreign: a person's kcat, another product. */
  readonly declared: boolean;
  readonly waitsFor: "confirmed" | "finalized" | null;
  readonly records: number;
  readonly eligibleRecords: number;
  readonly seconds: number;
  /** Until the eligible lag is gone at the present rates; null when it does not shrink or is not known. */
  readonly drainSeconds: number | null;
  readonly topics: readonly TopicLag[];
  /** What a person should look at, in words. */
  readonly alarms: readonly string[];
}

export interface LagReport {
  readonly atMs: number;
  readonly groups: readonly GroupLag[];
}
