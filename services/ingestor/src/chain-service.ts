import type { Logger, Service } from "@ethhook/kit";
import { type Block, PipelineError } from "@ethhook/schemas";
import { backoffMs } from "./core/backoff.ts";
import type { ChainLoop } from "./core/chain-loop.ts";
import type { Clock } from "./core/clock.ts";
import { createFollower, type Follower, type FollowerDeps } from "./core/follower.ts";
import type { Heads } from "./core/heads.ts";
import type { Leadership } from "./core/leadership.ts";
import type { Ledger } from "./core/ports.ts";
import type { Provider } from "./core/rpc/provider.ts";
import { whileSeated } from "./core/rpc/seated-source.ts";
import { RpcError } from "./core/rpc/rpc-error.ts";
import { parseHeader } from "./core/rpc/rpc-parse.ts";

export interface ChainServiceDeps extends FollowerDeps {
  readonly name: string;
  readonly providers: readonly Provider[];
  readonly heads: Heads;
  readonly loop: ChainLoop;
  readonly leadership: Leadership;
  /** Tells the metrics who writes. */
  readonly onLead: (isLeading: boolean) => void;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A head older than this makes the chain not ready. */
  readonly headAgeMaxMs: number;
}

/** What a chain can be asked while it runs. */
export interface ChainService extends Service {
  status(): ChainStatus;
}

export interface ChainStatus {
  readonly name: string;
  /** While this process leads. */
  readonly tip: Block | undefined;
  readonly finalized: Block | undefined;
  /** The highest number that any provider announced. */
  readonly highest: number | undefined;
  /** When it was announced, Unix milliseconds. */
  readonly heardAtMs: number | undefined;
  readonly providers: readonly Provider[];
}

/** One chain, alone: it fails, waits and starts anew from its ledger without touching another one. */
export function createChainService(deps: ChainServiceDeps): ChainService {
  const { name, logger, ledger, clock, heads, loop, providers } = deps;
  const stopping = new AbortController();
  const startedAtMs = clock.now();
  let running: Promise<void> | undefined;
  let isOpen = false;
  let follower: Follower | undefined;

  /** Writes the chain until the seat is lost. Whatever fails, the ledger's tail says where to go on. */
  async function lead(seat: AbortSignal): Promise<void> {
    let failures = 0;
    while (!seat.aborted) {
      const beganAtMs = clock.now();
      try {
        await leadOnce(seat);
      } catch (error) {
        if (isFenced(error)) break;
        failures = clock.now() - beganAtMs > settledAfterMs ? 1 : failures + 1;
        await waitAfter(error, failures, seat);
      }
    }
    await ledger.close();
  }

  async function leadOnce(seat: AbortSignal): Promise<void> {
    try {
      const tail = await ledger.open();
      isOpen = true;
      deps.onLead(true);
      const sequence = tail.at(-1)?.sequence ?? 0;
      logger.info({ event: "ledger.opened", sequence }, `${name} continues from sequence ${sequence}`);
      await runSeated(tail, seat);
    } finally {
      follower = undefined;
      isOpen = false;
      deps.onLead(false);
    }
  }

  /** Returns at the latest when the seat is lost and what was being written is decided; nothing is written after. */
  async function runSeated(tail: readonly Block[], seat: AbortSignal): Promise<void> {
    let writing: Promise<void> = Promise.resolve();
    const check = (): void => {
      if (seat.aborted) throw new RpcError("network", `${name}: the seat is lost`);
    };
    // Reading may start a producer, too: after the seat is lost, that would fence whoever has it.
    const seated: Ledger = {
      ...ledger,
      async readTail(count) {
        check();
        return ledger.readTail(count);
      },
      async readLogs(added) {
        check();
        return ledger.readLogs(added);
      },
      async append(entries) {
        check();
        writing = ledger.append(entries);
        return writing;
      },
    };
    const source = whileSeated(deps.source, seat, name);
    follower = createFollower({ ...deps, source, ledger: seated }, tail);
    const running = loop.run(follower, seat);
    const lost = new Promise<void>((resolve) =>
      seat.addEventListener("abort", () => resolve(), { once: true }),
    );
    running.catch(() => undefined);
    await Promise.race([running, lost]);
    await writing.catch(() => undefined);
  }

  function isFenced(error: unknown): boolean {
    if (!(error instanceof PipelineError) || error.code !== "PRODUCER_FENCED") return false;
    logger.error(
      { event: "chain.fenced", code: error.code },
      `${name}: another ingestor took over while this one did not answer. It is fenced and writes no more: ${error.message}`,
    );
    return true;
  }

  async function waitAfter(error: unknown, failures: number, seat: AbortSignal): Promise<void> {
    const delayMs = backoffMs(failures, clock.random(), restartFirstMs);
    logger.error(
      { event: "chain.failed", err: error, delayMs },
      `${name} starts anew in ${Math.round(delayMs)} ms: ${String(error)}`,
    );
    await clock.sleep(delayMs, seat);
  }

  function listen(provider: Provider): void {
    provider.transport.start({
      onHead(raw) {
        if (!provider.isOfThisChain()) return;
        const parsed = parseHeader(raw);
        if (!parsed.ok) {
          logger.warn({ event: "head.malformed", provider: provider.name }, parsed.reason);
          return;
        }
        // Not held to its hash: enough to wake up, not to publish by. Without transactions it is asked for again.
        const header = { ...parsed.value, transactionHashes: null };
        loop.announce({ ...header, header, from: provider.name, seenAtMs: clock.now() });
      },
      onUp() {
        logger.info(
          { event: "provider.connected", provider: provider.name },
          `${provider.name} is connected`,
        );
        // A failure is counted by the provider, and the next request asks again.
        provider.greet().catch(() => undefined);
      },
      onDown: (reason, retryInMs) =>
        logger.warn(
          { event: "provider.lost", provider: provider.name, retryInMs },
          `${provider.name}: ${reason}; connecting again in ${Math.round(retryInMs)} ms`,
        ),
    });
  }

  return {
    crashed: new Promise(() => undefined),
    status: () => ({
      name,
      tip: follower?.window.tip,
      finalized: follower?.window.finalized,
      highest: heads.highest,
      heardAtMs: heads.heardAtMs,
      providers,
    }),
    notReady() {
      const state = deps.leadership.state();
      if (state === "standby") return [];
      if (state === "waiting") return [`${name}: not elected yet`];
      if (!isOpen) return [`${name}: its ledger is not open`];
      const ageMs = clock.now() - (heads.heardAtMs ?? startedAtMs);
      if (heads.heardAtMs !== undefined && ageMs <= deps.headAgeMaxMs) return [];
      if (heads.heardAtMs === undefined) return [`${name}: no head yet`];
      return [`${name}: the newest head is ${Math.round(ageMs / 1_000)} s old`];
    },
    start() {
      for (const provider of providers) listen(provider);
      running = deps.leadership.run(lead, stopping.signal);
      return Promise.resolve();
    },
    async stop() {
      stopping.abort();
      for (const provider of providers) provider.transport.stop();
      await running;
    },
  };
}

/** Failures further apart than this are not in a row. */
const settledAfterMs = 60_000;
const restartFirstMs = 250;
