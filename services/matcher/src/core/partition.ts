import { logCodec, type Delivery, type Finality, type Log } from "@ethhook/schemas";
import { deliveriesOf } from "./deliveries.ts";
import type { Epochs } from "./epochs.ts";
import type { GateDecision } from "./finality-gate.ts";
import { createInFlight } from "./in-flight.ts";
import { createPoisonGuard } from "./poison-guard.ts";
import type {
  EpochLog,
  Filters,
  LogPartition,
  Outbox,
  Outgoing,
  SourceBatch,
  SourceRecord,
  Standstill,
} from "./ports.ts";

export interface PartitionDeps {
  readonly finality: Finality;
  readonly filters: Filters;
  readonly epochs: Epochs;
  /** Absent for those who follow: they match with the versions that `matcher.latest` recorded. */
  readonly epochLog?: EpochLog;
  readonly outbox: Outbox;
  /** Unix milliseconds, for `matchedAtMs` and the length of a turn. */
  readonly now: () => number;
  /** Runs after the other work of this turn of the event loop. */
  readonly later: (work: () => void) => void;
  readonly toRecord: (delivery: Delivery) => Outgoing;
  readonly toDeadLetter: (record: SourceRecord, reason: string) => Outgoing;
  readonly onStandstill: (standstill: Standstill) => void;
  /** An error that only a restart can mend: nothing of what failed was settled. */
  readonly onCrash: (error: Error) => void;
  readonly onCounts: (counts: Counts) => void;
  /** Versions created this long before a record are seen by it, after a takeover; see `settledVersionMs`. */
  readonly assignedAtMs: number;
  /** Absent for `latest`. */
  readonly gate?: Gate;
}

/** Holds back records that `matcher.latest` has not matched yet, and logs whose block is not final yet. */
export interface Gate {
  /** Whether every epoch up to this record is known. */
  isLed(offset: number): boolean;
  decide(log: Log): GateDecision;
  /** Brings what the ledger says of an older block into memory. */
  reachBack(addedSequence: number): Promise<void>;
  /** Fetch nothing more for now. */
  pause(): void;
  /**
   * Everything before `offset` is settled: fetch again from there once this record is led.
   * @param nobodyWaits true while what is led may be passed over unread.
   */
  resumeWhenLed(offset: number, nobodyWaits: () => boolean): void;
  /** The same, once this log may pass or is dropped. */
  resumeWhenDecided(offset: number, log: Log): void;
}

/** What one turn did. */
export interface Counts {
  readonly logs: number;
  readonly matched: number;
  readonly deliveries: number;
  readonly poison: number;
}

/** Matches one partition: in order, in turns that leave room for the others, waiting only for itself. */
export interface Partition {
  accept(batch: SourceBatch): void;
  /** Resolves when nothing is queued or in flight. */
  idle(): Promise<void>;
  /** The ledger sequence behind which something waits to be matched; null when nothing does. */
  waitsAfter(): number | null;
}

interface Ongoing {
  readonly batch: SourceBatch;
  readonly offset: number;
  made: number;
  readonly deliveries: Iterator<Delivery>;
}

/** A turn is ended after this time, so that a hot contract does not hold up other partitions. */
const turnMs = 10;
/** The clock is looked at after so many logs that nobody wants, and after each log that someone does. */
const logsPerLook = 32;
/** Deliveries are handed to the producer in pieces of about this size. */
const flushBytes = 1_048_576;
/** Bytes of one partition on their way at most: the room of all is not for one hot contract. */
const inFlightBytesMax = 4_194_304;
/**
 * A record that an earlier owner may have matched sees only versions that this owner must have known: those created so
 * long before it. A change is effective within this time.
 */
const settledVersionMs = 1_000;

export function createPartition(where: LogPartition, deps: PartitionDeps): Partition {
  const { filters, epochs, outbox } = deps;
  const guard = createPoisonGuard();
  const queue: { readonly batch: SourceBatch; next: number }[] = [];
  let running = false;
  let stopped = false;
  /** Between meeting a log that must wait and the seek back to it: what comes meanwhile comes again. */
  let holding = false;
  /** Sequence of the last log that was read, and of the one that is waited for. */
  let lastSequence = 0;
  let awaited: number | undefined;
  /** Everything sent so far is durable and settled when it resolves. */
  let settled: Promise<void> = Promise.resolve();
  let unsettled = 0;
  /** The log whose deliveries are being written. */
  let ongoing: Ongoing | undefined;
  /** The block that the ledger was last read back for: when it does not have it, the log waits. */
  let reachedBackFor: ReadonlySet<number> = new Set();
  /** The batch whose versions are in memory and have no filter of this finality. */
  let idleBatch: SourceBatch | undefined;
  const whenIdle: (() => void)[] = [];
  const turn = createTurn();
  let unlooked = 0;
  const inFlight = createInFlight(inFlightBytesMax);

  function crash(error: unknown): void {
    stopped = true;
    deps.onCrash(error instanceof Error ? error : new Error(String(error)));
  }

  function halt(standstill: Standstill): undefined {
    stopped = true;
    deps.onStandstill(standstill);
    for (const tell of whenIdle.splice(0)) tell();
  }

  /** Hands over what the turn has made; its offsets are settled when the broker holds it. */
  function flush(): void {
    const { records, offsets, batch, bytes, counts } = turn.take();
    if (counts.logs + counts.poison > 0) deps.onCounts(counts);
    if (batch === undefined || (records.length === 0 && offsets.length === 0)) return;
    unsettled += 1;
    inFlight.add(bytes);
    const sent = records.length === 0 ? undefined : outbox.send(records);
    settled = Promise.all([settled, sent]).then(() => {
      for (const offset of offsets) batch.settle(offset);
      unsettled -= 1;
      inFlight.remove(bytes);
      announceIdle();
    }, crash);
  }

  function announceIdle(): void {
    if (queue.length > 0 || unsettled > 0 || running) return;
    for (const tell of whenIdle.splice(0)) tell();
  }

  function wait(what: Promise<void>): void {
    what.then(() => {
      running = false;
      run();
    }, crash);
  }

  function run(): void {
    if (running || stopped) return;
    running = true;
    const until = deps.now() + turnMs;
    for (;;) {
      const head = queue[0];
      if (head === undefined) break;
      const record = head.batch.isCurrent() ? head.batch.records[head.next] : undefined;
      if (record === undefined) {
        flush();
        queue.shift();
        continue;
      }
      const blocked = step(record, head.batch);
      if (stopped) return flush();
      if (blocked === "held") break;
      if (blocked !== undefined) {
        flush();
        return wait(blocked);
      }
      head.next += 1;
      unlooked += 1;
      if (unlooked < logsPerLook) continue;
      unlooked = 0;
      if (deps.now() > until) {
        flush();
        return wait(new Promise((resolve) => deps.later(resolve)));
      }
    }
    running = false;
    announceIdle();
  }

  /** Deals with one record, or says what must happen before it can be dealt with. */
  function step(record: SourceRecord, batch: SourceBatch): Promise<void> | "held" | undefined {
    if (ongoing?.batch === batch && ongoing.offset === record.offset) return emit(ongoing);
    const { offset } = record;
    if (deps.gate?.isLed(offset) === false) {
      if (lastSequence > 0 && !isIdle()) awaited = lastSequence + 1;
      return hold(() => deps.gate?.resumeWhenLed(offset, mayPassOver));
    }
    if (batch === idleBatch && isIdle()) return turn.log(batch, offset, 0);
    if (record.unreadable !== undefined) return unreadable(record, batch, "malformed", record.unreadable);
    const decoded = logCodec.decode(record.value);
    if (!decoded.ok) return unreadable(record, batch, decoded.problem, decoded.reason);
    guard.note(true);
    const log = decoded.value;
    lastSequence = log.sequence;
    awaited = undefined;
    if (isIdle() && (epochs.versionOf(log.addedSequence) ?? filters.oldest()) >= filters.oldest()) {
      idleBatch = batch;
      return turn.log(batch, offset, 0);
    }
    const gate = deps.gate?.decide(log) ?? "pass";
    if (gate === "drop") return turn.log(batch, offset, 0);
    if (gate !== "pass") return waitFor(log, offset, gate);
    return matchAtVersion(log, record, batch);
  }

  /** Nobody waits for this finality in any version that the rest may have been matched with: nothing need be read. */
  function isIdle(): boolean {
    return (
      deps.gate !== undefined &&
      filters.size(deps.finality) === 0 &&
      (epochs.newest()?.version ?? 0) <= filters.newest()
    );
  }

  /** What was matched after the last log that was read, was matched with versions that are in memory. */
  function mayPassOver(): boolean {
    return isIdle() && (epochs.versionOf(lastSequence) ?? -1) >= filters.oldest();
  }

  function waitFor(log: Log, offset: number, gate: "wait" | "older"): Promise<void> | "held" {
    if (gate === "older" && !reachedBackFor.has(log.addedSequence)) {
      reachedBackFor = new Set([log.addedSequence]);
      return deps.gate?.reachBack(log.addedSequence) ?? Promise.resolve();
    }
    awaited = log.sequence;
    return hold(() => deps.gate?.resumeWhenDecided(offset, log));
  }

  function hold(resume: () => void): "held" {
    holding = true;
    deps.gate?.pause();
    flush();
    queue.length = 0;
    void settled.then(() => {
      holding = false;
      if (!stopped) resume();
    });
    return "held";
  }

  function matchAtVersion(log: Log, record: SourceRecord, batch: SourceBatch): Promise<void> | undefined {
    const { epochLog } = deps;
    const decision = epochLog === undefined ? epochs.follow(log) : epochs.decide(log, candidateFor(record));
    if (decision.kind === "record" && epochLog !== undefined) {
      return epochLog.record(where, decision.epoch).then((isOurs) => {
        if (isOurs) epochs.recorded(decision.epoch);
        else halt({ reason: "taken-over", detail: "another process matches it", offset: record.offset });
      });
    }
    if (decision.kind !== "use") return turn.log(batch, record.offset, 0);
    if (decision.version < filters.oldest() || decision.version > filters.newest())
      return filters.load(decision.version);
    return match(log, decision.version, record.offset, batch);
  }

  /** The newest version that a record may see. */
  function candidateFor({ timestampMs }: SourceRecord): number {
    return filters.versionAt(timestampMs - (timestampMs < deps.assignedAtMs ? settledVersionMs : 0));
  }

  function match(log: Log, version: number, offset: number, batch: SourceBatch): Promise<void> | undefined {
    const matches = filters.match(log, deps.finality, version);
    if (matches.length === 0) return turn.log(batch, offset, 0);
    const context = { chain: where.chain, finality: deps.finality, version, matchedAtMs: deps.now() };
    ongoing = { batch, offset, made: 0, deliveries: deliveriesOf(log, matches, context) };
    return emit(ongoing);
  }

  /** Writes the deliveries of one log, however many: it is left and taken up again when too much is on its way. */
  function emit(log: Ongoing): Promise<void> | undefined {
    for (;;) {
      if (turn.bytes() > flushBytes) flush();
      if (!inFlight.hasRoom()) return inFlight.room();
      if (!outbox.hasRoom()) return outbox.room();
      const next = log.deliveries.next();
      if (next.done === true) break;
      turn.add(log.batch, deps.toRecord(next.value));
      log.made += 1;
    }
    ongoing = undefined;
    unlooked = logsPerLook;
    return turn.log(log.batch, log.offset, log.made);
  }

  function unreadable(
    record: SourceRecord,
    batch: SourceBatch,
    problem: "malformed" | "newer",
    reason: string,
  ): undefined {
    if (problem === "newer" || guard.note(false)) {
      stopped = true;
      const detail =
        problem === "newer" ? reason : `nearly every record is unreadable, the last one: ${reason}`;
      deps.onStandstill({ reason: problem === "newer" ? "newer" : "poison", detail, offset: record.offset });
      return;
    }
    // Each group reads every record: one copy is enough.
    if (deps.finality === "latest") turn.add(batch, deps.toDeadLetter(record, reason));
    turn.poison(batch, record.offset);
  }

  return {
    accept(batch) {
      if (stopped || holding) return;
      queue.push({ batch, next: 0 });
      run();
    },
    idle: () => {
      if (stopped || (queue.length === 0 && unsettled === 0 && !running)) return Promise.resolve();
      return new Promise((resolve) => whenIdle.push(resolve));
    },
    waitsAfter() {
      if (awaited !== undefined) return awaited - 1;
      return queue.length > 0 && lastSequence > 0 ? lastSequence : null;
    },
  };
}

interface Turn {
  add(batch: SourceBatch, record: Outgoing): void;
  /** A log is done; it made so many deliveries. */
  log(batch: SourceBatch, offset: number, made: number): undefined;
  poison(batch: SourceBatch, offset: number): void;
  readonly bytes: () => number;
  take(): {
    batch: SourceBatch | undefined;
    records: readonly Outgoing[];
    offsets: readonly number[];
    bytes: number;
    counts: Counts;
  };
}

/** What was made and not yet handed over. Always of one batch. */
function createTurn(): Turn {
  let records: Outgoing[] = [];
  let offsets: number[] = [];
  let bytes = 0;
  let batch: SourceBatch | undefined;
  const fresh = { logs: 0, matched: 0, deliveries: 0, poison: 0 };
  let counts = { ...fresh };
  return {
    add(of, record) {
      batch = of;
      records.push(record);
      bytes += record.value.length;
    },
    log(of, offset, made) {
      batch = of;
      offsets.push(offset);
      counts.logs += 1;
      counts.matched += made > 0 ? 1 : 0;
      counts.deliveries += made;
    },
    poison(of, offset) {
      batch = of;
      offsets.push(offset);
      counts.poison += 1;
    },
    bytes: () => bytes,
    take() {
      const taken = { batch, records, offsets, bytes, counts };
      records = [];
      offsets = [];
      bytes = 0;
      batch = undefined;
      counts = { ...fresh };
      return taken;
    },
  };
}
