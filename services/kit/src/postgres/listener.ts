import pg from "pg";
import type { Logger } from "../logger.ts";

export interface ListenerOptions {
  readonly url: string;
  /** Channels of NOTIFY. */
  readonly channels: readonly string[];
  readonly logger: Logger;
  /** One call a notification, in order. Must not throw. */
  readonly onNotify: (channel: string, payload: string) => void;
  /**
   * After every connect, the first one included: notifications may have been missed, read the whole state again.
   * Called before any notification of the new connection. A rejection counts as a lost connection and is tried again.
   */
  readonly onReconnect: () => Promise<void> | void;
  /** How often the connection is probed. Default 15 000; a probe unanswered for 5 s is a lost connection. */
  readonly probeIntervalMs?: number;
}

export interface Listener {
  /** Resolves when the first connection listens and `onReconnect` is done. Keeps trying until stopped. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** False while notifications may be lost. */
  connected(): boolean;
}

const backoffMs = [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000] as const;
const probeTimeoutMs = 5_000;

/** LISTEN that outlives its connection: it reconnects after 1, 2, 4 … 60 s and has its owner re-synchronise each time. */
export function createListener(options: ListenerOptions): Listener {
  const firstConnect = Promise.withResolvers<void>();
  let client: pg.Client | undefined;
  let stopped = false;
  let listening = false;
  let failures = 0;
  let retryTimer: NodeJS.Timeout | undefined;
  let probeTimer: NodeJS.Timeout | undefined;

  async function connect(): Promise<void> {
    const mine = new pg.Client({
      connectionString: options.url,
      connectionTimeoutMillis: 5_000,
      keepAlive: true,
    });
    client = mine;
    const early: [string, string][] = [];
    mine.on("error", (error) => lost(mine, error));
    mine.on("end", () => lost(mine, new Error("connection ended")));
    mine.on("notification", ({ channel, payload }) => {
      if (listening) options.onNotify(channel, payload ?? "");
      else early.push([channel, payload ?? ""]);
    });
    try {
      await mine.connect();
      for (const channel of options.channels) await mine.query(`listen ${pg.escapeIdentifier(channel)}`);
      await options.onReconnect();
    } catch (error) {
      return lost(mine, error instanceof Error ? error : new Error(String(error)));
    }
    if (client !== mine || stopped) return;
    listening = true;
    failures = 0;
    for (const [channel, payload] of early) options.onNotify(channel, payload);
    probeTimer = setInterval(() => void probe(mine), options.probeIntervalMs ?? 15_000);
    probeTimer.unref();
    firstConnect.resolve();
  }

  /** A half-open connection never says so: ask. */
  async function probe(mine: pg.Client): Promise<void> {
    const timer = setTimeout(() => lost(mine, new Error("probe not answered")), probeTimeoutMs);
    await mine.query("select 1").catch((error: Error) => lost(mine, error));
    clearTimeout(timer);
  }

  function lost(mine: pg.Client, error: Error): void {
    if (client !== mine) return;
    client = undefined;
    listening = false;
    clearInterval(probeTimer);
    mine.end().catch(() => undefined);
    if (stopped) return;
    const delayMs = backoffMs[Math.min(failures, backoffMs.length - 1)] ?? 60_000;
    failures += 1;
    options.logger.warn(
      { event: "postgres.listener-lost", err: error, delayMs },
      `LISTEN lost (${error.message}): again in ${delayMs} ms`,
    );
    retryTimer = setTimeout(() => void connect(), delayMs);
  }

  return {
    start: () => {
      void connect();
      return firstConnect.promise;
    },
    stop: async () => {
      stopped = true;
      listening = false;
      clearTimeout(retryTimer);
      clearInterval(probeTimer);
      firstConnect.resolve();
      const mine = client;
      client = undefined;
      await mine?.end().catch(() => undefined);
    },
    connected: () => listening,
  };
}
