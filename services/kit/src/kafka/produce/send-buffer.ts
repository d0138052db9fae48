import { partitionKey } from "../offset-tracker.ts";
import type { OutRecord, TopicPartition } from "../types.ts";

/** One `send` call: settled as a whole. */
export interface Call {
  readonly startedAtMs: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export interface SendBufferOptions {
  /** Bytes of one batch of one partition; less than the topic's max.message.bytes. */
  readonly batchBytesMax: (topic: string) => number;
  /** Bytes of one request. */
  readonly requestBytesMax: number;
}

/** Records of one partition that are, or may be, on their way to the broker. */
export interface OpenBatch extends TopicPartition {
  readonly records: readonly OutRecord[];
  /** The first record's place in the producer's sequence for this partition. */
  readonly baseSequence: number;
  readonly bytes: number;
  /** It was opened before and not decided: the broker may hold it. What becomes of it then needs a new identity. */
  readonly repeated: boolean;
}

/**
 * What was sent and is not acknowledged, by partition, in the order of the calls. Pure: no clock, no client.
 *
 * A batch that was opened stays the same until it is decided: the broker tells a repeat from new records by the sequence
 * numbers alone, and would drop new records under old numbers.
 */
export interface SendBuffer {
  /** @param partitionOf the record's partition. */
  add(records: readonly OutRecord[], partitionOf: (record: OutRecord) => number, call: Call): void;
  /** The batch of each partition that has records: the open one again, or a new one. As much as one request holds. */
  open(): OpenBatch[];
  /** The broker has it: calls that are complete resolve. */
  acknowledge(batch: TopicPartition): void;
  /** It was refused as too large: opened again with half of the records. @returns false when it is one record. */
  halve(batch: TopicPartition): boolean;
  /** The calls in the open batch reject. The rest of what they sent is dropped. */
  reject(batch: TopicPartition, error: Error): void;
  /** Calls that began before `beforeMs` reject. @returns how many. */
  expire(beforeMs: number, error: Error): number;
  /** Everything rejects. */
  rejectAll(error: Error): void;
  /** A new producer id: sequences start at 0, undecided batches are opened anew. */
  restart(): void;
  bytes(): number;
  isEmpty(): boolean;
}

interface OpenCall extends Call {
  left: number;
  dead: boolean;
}

interface Entry {
  readonly record: OutRecord;
  readonly call: OpenCall;
  readonly bytes: number;
}

interface Queue extends TopicPartition {
  entries: Entry[];
  /** Records of the open batch: the first so many entries. */
  opened: number;
  recordsMax: number;
  sequence: number;
}

/** An upper bound for a record's framing. */
const framingBytes = 32;
const sequences = 2 ** 31;

export function createSendBuffer(options: SendBufferOptions): SendBuffer {
  /** Partitions ever written, for their sequences. */
  const queues = new Map<string, Queue>();
  /** Those with records, the next one to be served first. */
  const waiting = new Set<Queue>();
  let bytes = 0;

  function queueOf(topic: string, partition: number): Queue {
    const key = partitionKey({ topic, partition });
    let queue = queues.get(key);
    if (!queue) {
      queue = { topic, partition, entries: [], opened: 0, recordsMax: Number.POSITIVE_INFINITY, sequence: 0 };
      queues.set(key, queue);
    }
    return queue;
  }

  /** How many records the queue's next batch takes. */
  function fill(queue: Queue, room: number): number {
    const limit = Math.min(options.batchBytesMax(queue.topic), room);
    let total = 0;
    let count = 0;
    for (const entry of queue.entries) {
      total += entry.bytes;
      if (count === queue.recordsMax || (total > limit && count > 0)) break;
      count += 1;
    }
    return count;
  }

  function remove(queue: Queue, keep: (entry: Entry) => boolean): void {
    const kept: Entry[] = [];
    for (const entry of queue.entries) {
      if (keep(entry)) kept.push(entry);
      else bytes -= entry.bytes;
    }
    queue.entries = kept;
    if (kept.length === 0) waiting.delete(queue);
  }

  /** Undecided batches keep their records, so that their numbers stay taken; the caller restarts the producer then. */
  function rejectCalls(calls: ReadonlySet<OpenCall>, error: Error): void {
    for (const call of calls) {
      call.dead = true;
      call.reject(error);
    }
    for (const queue of waiting) {
      const first = queue.opened;
      let index = 0;
      remove(queue, (entry) => index++ < first || !entry.call.dead);
    }
  }

  return {
    add: (records, partitionOf, { startedAtMs, resolve, reject }) => {
      if (records.length === 0) return resolve();
      const call: OpenCall = { startedAtMs, resolve, reject, left: records.length, dead: false };
      for (const record of records) {
        const entry = { record, call, bytes: sizeOf(record) };
        const queue = queueOf(record.topic, partitionOf(record));
        queue.entries.push(entry);
        waiting.add(queue);
        bytes += entry.bytes;
      }
    },
    open: () => {
      const batches: OpenBatch[] = [];
      let room = options.requestBytesMax;
      const turns = [...waiting];
      for (const queue of turns) {
        const repeated = queue.opened > 0;
        if (!repeated) {
          if (room <= 0) break;
          queue.opened = fill(queue, room);
        }
        const entries = queue.entries.slice(0, queue.opened);
        const size = entries.reduce((sum, entry) => sum + entry.bytes, 0);
        room -= size;
        const { topic, partition, sequence } = queue;
        batches.push({
          topic,
          partition,
          baseSequence: sequence,
          bytes: size,
          repeated,
          records: entries.map((entry) => entry.record),
        });
        // Served last next time.
        waiting.delete(queue);
        waiting.add(queue);
      }
      return batches;
    },
    acknowledge: ({ topic, partition }) => {
      const queue = queueOf(topic, partition);
      const done = queue.entries.splice(0, queue.opened);
      queue.sequence = (queue.sequence + done.length) % sequences;
      queue.opened = 0;
      queue.recordsMax = Number.POSITIVE_INFINITY;
      if (queue.entries.length === 0) waiting.delete(queue);
      for (const { call, bytes: size } of done) {
        bytes -= size;
        call.left -= 1;
        if (call.left === 0 && !call.dead) call.resolve();
      }
    },
    halve: ({ topic, partition }) => {
      const queue = queueOf(topic, partition);
      if (queue.opened <= 1) return false;
      queue.recordsMax = queue.opened >> 1;
      queue.opened = 0;
      return true;
    },
    reject: ({ topic, partition }, error) => {
      const queue = queueOf(topic, partition);
      const calls = new Set(queue.entries.slice(0, queue.opened).map((entry) => entry.call));
      queue.opened = 0;
      queue.recordsMax = Number.POSITIVE_INFINITY;
      rejectCalls(calls, error);
    },
    expire: (beforeMs, error) => {
      const calls = new Set<OpenCall>();
      for (const queue of waiting) {
        for (const { call } of queue.entries) if (!call.dead && call.startedAtMs < beforeMs) calls.add(call);
      }
      rejectCalls(calls, error);
      return calls.size;
    },
    rejectAll: (error) => {
      const calls = new Set([...waiting].flatMap((queue) => queue.entries.map((entry) => entry.call)));
      rejectCalls(new Set([...calls].filter((call) => !call.dead)), error);
      for (const queue of waiting) remove(queue, () => false);
    },
    restart: () => {
      for (const queue of queues.values()) {
        queue.sequence = 0;
        queue.opened = 0;
        if (queue.entries.some((entry) => entry.call.dead)) remove(queue, (entry) => !entry.call.dead);
      }
    },
    bytes: () => bytes,
    isEmpty: () => waiting.size === 0,
  };
}

function sizeOf({ key, value, headers }: OutRecord): number {
  // Three bytes a character at most would be too careful for keys and values that are nearly always ASCII.
  let size =
    framingBytes +
    Buffer.byteLength(key) +
    (typeof value === "string" ? Buffer.byteLength(value) : value.length);
  for (const [name, text] of Object.entries(headers ?? {}))
    size += Buffer.byteLength(name) + Buffer.byteLength(text) + 10;
  return size;
}
