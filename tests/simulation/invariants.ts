import type { InRecord } from "@ethhook/kit";
import { type Block, blockCodec, type Log, logCodec, logsDigest } from "@ethhook/schemas";
import type { World } from "./world.ts";

/** What a read-committed consumer finds in the topics. */
export interface Topics {
  /** The chain's partition of the ledger. */
  readonly blocks: readonly InRecord[];
  /** Every partition of the chain's logs, one after the other. */
  readonly logs: readonly InRecord[];
}

export interface Expected {
  /** Where the ledger begins; null: anywhere. */
  readonly startBlock: number | null;
  /** The ledger must say that the chain is final up to here, unless it begins above. */
  readonly finalNumber: number;
  /** From here on nothing proves a header; null: all are proven. */
  readonly forkNumber: number | null;
}

/** Everything that is wrong with what was published, in words; empty if nothing is. */
export function violationsOf(world: World, topics: Topics, expected: Expected): string[] {
  const { startBlock, finalNumber, forkNumber } = expected;
  const ledger = topics.blocks.map((record) => read<Block>(blockCodec.decode(record.value)));
  const logs = topics.logs.map((record) => ({
    ...read<Log>(logCodec.decode(record.value)),
    partition: record.partition,
  }));
  const bySequence = Map.groupBy(logs, (log) => log.sequence);
  return [
    ...sequenceViolations(ledger),
    ...chainViolations(ledger, world, startBlock),
    ...finalityViolations(ledger, finalNumber),
    ...ledger.flatMap((block) => proofViolations(block, forkNumber)),
    ...ledger.flatMap((block) => bodyViolations(block, bySequence.get(block.sequence) ?? [], world)),
    ...strayViolations(ledger, bySequence),
    ...orderViolations(logs),
    ...countViolations(logs, ledger, world),
  ];
}

function read<T>(decoded: { readonly ok: true; readonly value: T } | { readonly ok: false }): T {
  if (!decoded.ok) throw new Error("a record that cannot be read");
  return decoded.value;
}

const named = (block: Pick<Block, "kind" | "number" | "hash" | "sequence">) =>
  `#${block.sequence} ${block.kind} ${block.number} ${block.hash.slice(0, 10)}`;

function sequenceViolations(ledger: readonly Block[]): string[] {
  return ledger.flatMap((block, index) =>
    block.sequence === index + 1 ? [] : [`${named(block)} stands where sequence ${index + 1} should`],
  );
}

/** Follows the ledger as a chain: blocks stand on their parents, and are taken back from the tip. */
function chainViolations(ledger: readonly Block[], world: World, startBlock: number | null): string[] {
  const found: string[] = [];
  const chain: Block[] = [];
  for (const block of ledger) {
    const tip = chain.at(-1);
    if (block.kind === "added") {
      if (tip && (tip.hash !== block.parentHash || tip.number + 1 !== block.number))
        found.push(`${named(block)} does not stand on ${named(tip)}`);
      chain.push(block);
    } else if (block.kind === "removed") {
      if (tip?.hash !== block.hash || tip.sequence !== block.addedSequence)
        found.push(`${named(block)} of #${block.addedSequence} is not the tip`);
      chain.pop();
    } else if (!chain.some(({ hash }) => hash === block.hash)) {
      found.push(`${named(block)} is not in the chain`);
    }
  }
  const first = chain[0]?.number ?? 0;
  if (startBlock !== null && first !== startBlock) found.push(`begins at ${first}, not at ${startBlock}`);
  for (const block of chain) {
    const canonical = world.at(world.head, block.number);
    if (canonical?.hash !== block.hash) found.push(`${named(block)} is not the chain's block`);
  }
  if (chain.at(-1)?.hash !== world.head.hash)
    found.push(`ends at ${chain.at(-1)?.number ?? "nothing"}, the chain at ${world.head.number}`);
  return found;
}

/** Finality goes on: what was final long ago is recorded as such. */
function finalityViolations(ledger: readonly Block[], finalNumber: number): string[] {
  const lowest = Math.min(...ledger.map(({ number }) => number));
  const last = ledger.findLast(({ kind }) => kind === "finalized");
  if (lowest > finalNumber || (last?.number ?? -1) >= finalNumber) return [];
  return [`is final up to ${last?.number ?? "nothing"}, the chain long since up to ${finalNumber}`];
}

/** Nothing is said to be proven by a header that is not, and nothing goes unproven that could be proven. */
function proofViolations(block: Block, forkNumber: number | null): string[] {
  const isProvable = forkNumber === null || block.number < forkNumber;
  if (block.kind !== "added" || (block.proof !== "none") === isProvable) return [];
  return [`${named(block)} has proof ${block.proof}, the fork is at ${forkNumber ?? "no block"}`];
}

/** A record's logs are the block's, all of them; the ledger says how many and which. */
function bodyViolations(block: Block, logs: readonly Log[], world: World): string[] {
  const found: string[] = [];
  const truth = block.kind === "finalized" ? [] : (world.byHash(block.hash)?.logs ?? []);
  const kind = block.kind === "removed" ? "removed" : "new";
  if (logs.some((log) => log.kind !== kind || log.addedSequence !== block.addedSequence))
    found.push(`${named(block)} has logs that are not its own`);
  if (block.logCount !== logs.length || logs.length !== truth.length)
    found.push(
      `${named(block)} has ${logs.length} logs in the topic, says ${block.logCount}, the chain ${truth.length}`,
    );
  const ordered = logs.toSorted((a, b) => a.logIndex - b.logIndex);
  if (block.digest !== logsDigest(ordered)) found.push(`${named(block)} has another digest than its logs`);
  for (const [index, log] of ordered.entries()) {
    const true_ = truth[index];
    const isTrue =
      true_ !== undefined &&
      Number(true_.logIndex) === log.logIndex &&
      true_.address === log.address &&
      true_.data === log.data &&
      true_.transactionHash === log.transactionHash &&
      true_.topics.join() === log.topics.join() &&
      log.blockHash === block.hash;
    if (!isTrue) found.push(`${named(block)} has a log ${log.logIndex} that the chain has not`);
  }
  return found;
}

function strayViolations(
  ledger: readonly Block[],
  bySequence: ReadonlyMap<number, readonly Log[]>,
): string[] {
  const known = new Set(ledger.map((block) => block.sequence));
  return [...bySequence]
    .filter(([sequence]) => !known.has(sequence))
    .map(([sequence, logs]) => `${logs.length} logs of sequence ${sequence}, which is not in the ledger`);
}

/** Along a contract: ledger order, within a block as the chain has it, and back to front when taken back. */
function orderViolations(logs: readonly (Log & { readonly partition: number })[]): string[] {
  const found: string[] = [];
  for (const [contract, own] of Map.groupBy(logs, (log) => log.address)) {
    if (new Set(own.map((log) => log.partition)).size > 1) found.push(`${contract} is on several partitions`);
    for (const [index, log] of own.entries()) {
      const before = own[index - 1];
      if (!before) continue;
      const step = log.kind === "removed" ? before.logIndex - log.logIndex : log.logIndex - before.logIndex;
      if (log.sequence < before.sequence || (log.sequence === before.sequence && step <= 0))
        found.push(
          `${contract}: #${log.sequence}/${log.logIndex} after #${before.sequence}/${before.logIndex}`,
        );
    }
  }
  return found;
}

/** Net of removals, each log of the chain is there once, and no other one is. */
function countViolations(logs: readonly Log[], ledger: readonly Block[], world: World): string[] {
  const net = new Map<string, number>();
  for (const log of logs) {
    const id = `${log.blockHash}:${log.logIndex}`;
    net.set(id, (net.get(id) ?? 0) + (log.kind === "new" ? 1 : -1));
  }
  const first = Math.min(...ledger.map((block) => block.number));
  const found: string[] = [];
  for (let block = world.head; block.number >= first; block = block.parent) {
    for (const log of block.logs) {
      const id = `${block.hash}:${Number(log.logIndex)}`;
      if (net.get(id) !== 1)
        found.push(`log ${id} of block ${block.number} is there ${net.get(id) ?? 0} times`);
      net.delete(id);
    }
    if (!block.parent) break;
  }
  for (const [id, times] of net)
    if (times !== 0) found.push(`log ${id}, which is not of the chain, is there ${times} times`);
  return found;
}
