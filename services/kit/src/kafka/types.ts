/** A record to be written. The key is never absent: without one, a retry could change the partition. */
export interface OutRecord {
  readonly topic: string;
  readonly key: string;
  readonly value: string | Buffer;
  /** Only where the topology says so (`blocks`); else the Java-compatible partitioner chooses by key. */
  readonly partition?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A record as fetched. */
export interface InRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly key: string | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, string>>;
  /** The broker's or producer's timestamp, Unix milliseconds. */
  readonly timestampMs: number;
  /**
   * Why this is not a record but a whole batch that nobody can read (corrupt bytes, an unknown codec): `value` holds the
   * batch, `offset` is its last one. Dead-letter it; it counts as one record.
   */
  readonly unreadable?: string;
}

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

export interface PartitionStart extends TopicPartition {
  /** Where the first fetch starts. */
  readonly offset: number;
}

/**
 * What one fetch brought of one partition. The handler takes the records over at once (into lanes, a producer's buffer)
 * and calls `settle` for each offset when its work is durable, in any order, however much later.
 * The committed offset is the lowest unsettled one. Settling twice, or after the partition was lost, is harmless.
 */
export interface Batch extends TopicPartition {
  /** Not empty; ascending offsets, with holes where a transaction marker stands. */
  readonly records: readonly InRecord[];
  /** The group's generation that fetched it. Work of an older generation may finish, but commits nothing. */
  readonly generation: number;
  /** True until the partition is revoked or sought elsewhere; check before starting more work. */
  isCurrent(): boolean;
  settle(offset: number): void;
  settleAll(): void;
}

export interface ConsumerHandlers {
  /**
   * Must return quickly: the next fetch of *every* partition waits for it. Never await HTTP or a database here.
   * A throw is a bug: it stops the consumer and reaches `onCrash`.
   */
  onBatch(batch: Batch): void | Promise<void>;
  /**
   * After a join, before the first fetch of the generation, with the offset at which each partition goes on. May read
   * state that the first record needs.
   */
  onAssigned?(partitions: readonly PartitionStart[], generation: number): void | Promise<void>;
  /**
   * Before partitions may be lost (rebalance, stop): finish or abandon work in flight by `deadlineMs` (Unix ms).
   * Offsets settled by then are committed before the group is rejoined or left.
   */
  onRevoking?(deadlineMs: number): void | Promise<void>;
  /** The consumer is dead and will not come back: fail readiness and exit non-zero. */
  onCrash(error: Error): void;
}

export interface ConsumerOptions {
  readonly groupId: string;
  readonly topics: readonly string[];
  /** Unsettled records per partition at which it is paused, and at which it resumes. Default 5000 and 2500. */
  readonly pauseAbove?: number;
  readonly resumeBelow?: number;
  /** Default 500. */
  readonly commitIntervalMs?: number;
  /** `co-partitioned`: partition n of every topic goes to the same member. Default: `spread`. */
  readonly assignment?: "spread" | "co-partitioned";
  /** Default 10 000, 3 000. */
  readonly sessionTimeoutMs?: number;
  readonly heartbeatIntervalMs?: number;
  /** How long `onRevoking` may take. Default 5 000; less than the session timeout. */
  readonly drainTimeoutMs?: number;
  readonly maxBytesPerPartition?: number;
  /** What one fetch may bring of all partitions together, as compressed in the log; a first batch comes whole. Default 10 MiB. */
  readonly maxBytesPerFetch?: number;
}

/** The consumer loop: `autoCommit` off, one commit of all partitions per interval, drain before rejoin. */
export interface Consumer {
  /** Resolves after the first assignment. */
  start(handlers: ConsumerHandlers): Promise<void>;
  /** Pause, drain, commit, leave. Resolves when the group has been left. Safe to call twice. */
  stop(): Promise<void>;
  /** Stop fetching a partition until `resume`; records already handed over are not taken back. */
  pause(partition: TopicPartition): void;
  resume(partition: TopicPartition): void;
  /** Next fetch of this partition starts at `offset`; batches handed over before are no longer current. */
  seek(partition: TopicPartition, offset: number): void;
  /** Unsettled records by partition (`topic:partition`), for metrics and readiness. */
  inFlight(): ReadonlyMap<string, number>;
  assigned(): readonly TopicPartition[];
}

/** An accumulating, idempotent producer: kafkajs has no linger of its own. */
export interface Producer {
  start(): Promise<void>;
  /** Flushes what was sent before. */
  stop(): Promise<void>;
  /**
   * Resolves once the broker holds every record (acks=all); rejects whole. Records of one call and one partition keep
   * their order, calls made in one tick travel together, a batch is cut by bytes per partition.
   */
  send(records: readonly OutRecord[], options?: SendOptions): Promise<void>;
  /** Resolves once there is room for more. Who makes many records out of one awaits it between `send`s. */
  room(): Promise<void>;
  /** How long writes have been failing, in milliseconds; 0 while they succeed. For readiness. */
  stalledMs(): number;
}

/** How a topic is written; the topology declares it. */
export interface TopicWrites {
  readonly compression: "none" | "gzip" | "zstd";
  /** The topic's `max.message.bytes`: one batch of one partition stays below. */
  readonly messageBytesMax: number;
}

export interface SendOptions {
  /** Someone waits for it: it does not wait for the producer's interval. */
  readonly urgent?: boolean;
}

export interface ProducerOptions {
  /** A request begins no sooner than this after the one before, so that many small ones become a few. Default 0. */
  readonly intervalMs?: number;
  /** Default 8 MiB. */
  readonly requestBytesMax?: number;
  /** One request; after it, the connection is given up and the records are sent again. Default 10 000. */
  readonly requestTimeoutMs?: number;
  /** A `send` that is not acknowledged by then rejects with BROKER_TIMEOUT. Default 120 000. */
  readonly deliveryTimeoutMs?: number;
  /** `room()` waits while more than this is buffered. Default 32 MiB. */
  readonly roomBytes?: number;
  /** `send` rejects with PRODUCER_OVERLOADED above it. Default 256 MiB. */
  readonly bufferBytesMax?: number;
}

export interface TransactionalProducerOptions {
  /** The broker aborts an open transaction after it; also the deadline of one `transact`. Default 10 000. */
  readonly transactionTimeoutMs?: number;
}

/** One exclusive owner's transactions. Any error means an unknown outcome: make a new one and read the log's tail again. */
export interface TransactionalProducer {
  /** Initialises the transactional id: fences every older holder. Read the ledger's tail only after this. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /**
   * All records become visible to read-committed readers together, or none does. One at a time.
   * They are taken from the iterable as they are sent, a megabyte at a time: a generator keeps a huge transaction
   * out of memory. If it throws, the transaction is aborted and the object is dead.
   * @param expected where records will go, if that is known beforehand: the coordinator is told while the records are made.
   * @throws PipelineError `TRANSACTION_UNKNOWN` or `PRODUCER_FENCED`; the object is dead after either.
   */
  transact(records: Iterable<OutRecord>, expected?: readonly TopicPartition[]): Promise<void>;
}

/** Reads partitions beside any group: leaves no trace at the broker. Read-committed. */
export interface PartitionReader {
  /** The oldest offset kept, and where a read-committed reader ends now. */
  bounds(partition: TopicPartition): Promise<{ readonly start: number; readonly end: number }>;
  /**
   * Records from `from` (default: the oldest kept) to `until` or to what was the end at the call, whichever is less;
   * in order, a fetch at a time. Ends by itself.
   * @param fetchBytes what one fetch may bring, default 4 MiB: little for who wants only the first record.
   */
  read(
    partition: TopicPartition,
    from?: number,
    until?: number,
    fetchBytes?: number,
  ): AsyncIterable<readonly InRecord[]>;
  /** The last `count` records, in order; fewer when there are no more. */
  tail(partition: TopicPartition, count: number): Promise<readonly InRecord[]>;
  close(): Promise<void>;
}

/** The ports to the log, made from one client. The in-memory broker of `@ethhook/kit/testing` is another one. */
export interface Broker {
  consumer(options: ConsumerOptions): Consumer;
  producer(options?: ProducerOptions): Producer;
  transactionalProducer(
    transactionalId: string,
    options?: TransactionalProducerOptions,
  ): TransactionalProducer;
  reader(): PartitionReader;
}
