import { setTimeout as delay } from "node:timers/promises";
import type { Producer } from "@ethhook/kit";
import { webhookId, type Log } from "@ethhook/schemas";
import { toRecord, type Chain, type Topology } from "@ethhook/topology";
import { id } from "ethers";
import type { Sent } from "./ledger.ts";

/** A contract that an endpoint listens to. */
export interface Watched {
  readonly address: string;
  readonly endpointId: string;
  /** Whether it asked for the order of its contract: else POSTs go side by side, and a late answer is overtaken. */
  readonly isOrdered: boolean;
}

/** A webhook that must come of a log. */
export interface Expected extends Sent {
  readonly contract: string;
}

/** Writes logs of one chain, in the place of its ingestor, and remembers which webhooks must come of them. */
export interface Load {
  /** So many logs that match nothing, at once. Resolves when the broker holds them. */
  burst(logs: number): Promise<void>;
  /** From now on, `logsPerSecond`, of which `matchedPerSecond` are of watched contracts in turn. */
  start(rate: { readonly logsPerSecond: number; readonly matchedPerSecond: number }): void;
  /** So many times as many logs as until now, with as many that match. */
  raise(factor: number): void;
  /** Resolves when the broker holds every log. Safe to call twice. */
  stop(): Promise<void>;
  /** What must arrive, in the order of the logs. */
  sent(): readonly Expected[];
  logs(): number;
}

const transferTopic = id("Transfer(address,address,uint256)");
const blockMs = 50;
/** So much of a time when the machine was too busy is made up for. */
const lateMsMax = 2_000;
const burstBlockLogs = 500;
const quietContracts = 1_000;

export const contractOf = (n: number): string => `0x${n.toString(16).padStart(40, "0")}`;
const word = (n: number): string => `0x${n.toString(16).padStart(64, "0")}`;

/** @param onError called when the broker does not take a log: the ledger is not true any more. */
export function createLoad(
  { producer, topology, chain }: { producer: Producer; topology: Topology; chain: Chain },
  watched: readonly Watched[],
  onError: (error: Error) => void,
): Load {
  const topic = topology.logs.of(chain.id);
  const sent: Expected[] = [];
  let sequence = 0;
  let logs = 0;
  let turn = 0;
  let running: Promise<void> | undefined;
  let stopping = false;
  let logsPerSecond = 0;

  function logOf(logIndex: number, address: string): Log {
    return {
      v: 1,
      kind: "new",
      chainId: chain.id,
      blockNumber: sequence,
      blockHash: word(sequence),
      blockTimestamp: Math.floor(Date.now() / 1_000),
      transactionHash: word(sequence * 100_000 + logIndex),
      transactionIndex: logIndex,
      logIndex,
      address,
      topics: [transferTopic, word(sequence), word(logIndex + 1)],
      data: word(sequence * 1_000),
      sequence,
      addedSequence: sequence,
      proof: "bloom",
      seenAtMs: Date.now(),
    };
  }

  /** One block of `count` logs, of which `matching` are of watched contracts, evenly among the others. */
  async function block(count: number, matching: number): Promise<void> {
    sequence += 1;
    const found = Array.from({ length: count }, (_, logIndex) => {
      const isWatched =
        Math.floor(((logIndex + 1) * matching) / count) > Math.floor((logIndex * matching) / count);
      const contract = isWatched ? watched[turn++ % watched.length] : undefined;
      const address = contract?.address ?? contractOf(watched.length + 1 + (logs % quietContracts));
      const log = logOf(logIndex, address);
      logs += 1;
      if (contract) sent.push(expected(log, contract));
      return log;
    });
    await producer.send(found.map((log) => toRecord(topic, log)));
  }

  async function run(matchedPerSecond: number): Promise<void> {
    const sends: Promise<void>[] = [];
    let matchedDue = 0;
    for (let dueMs = performance.now(); !stopping; dueMs += blockMs) {
      await delay(Math.max(0, dueMs - performance.now()));
      dueMs = Math.max(dueMs, performance.now() - lateMsMax);
      matchedDue += (matchedPerSecond * blockMs) / 1_000;
      const matching = Math.floor(matchedDue);
      matchedDue -= matching;
      const sending = block(Math.round((logsPerSecond * blockMs) / 1_000), matching);
      sending.catch((error: unknown) => onError(error instanceof Error ? error : new Error(String(error))));
      sends.push(sending);
    }
    await Promise.all(sends);
  }

  return {
    async burst(count) {
      for (let left = count; left > 0; left -= burstBlockLogs) {
        await block(Math.min(left, burstBlockLogs), 0);
      }
    },
    start(rate) {
      ({ logsPerSecond } = rate);
      running = run(rate.matchedPerSecond);
    },
    raise(factor) {
      logsPerSecond *= factor;
    },
    async stop() {
      stopping = true;
      await running;
    },
    sent: () => sent,
    logs: () => logs,
  };
}

function expected({ chainId, blockHash, logIndex, sequence }: Log, contract: Watched): Expected {
  const { endpointId, address, isOrdered } = contract;
  const eventId = `${chainId}:${blockHash}:${logIndex}`;
  const id = webhookId({ eventId, sequence, endpointId, kind: "new" });
  return { webhookId: id, contract: address, order: isOrdered ? address : null };
}
