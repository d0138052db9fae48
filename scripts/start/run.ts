import { setTimeout as delay } from "node:timers/promises";
import { drain } from "./drain.ts";
import { raceAbort } from "./abort.ts";
import { openSession, type Session, type SessionOptions } from "./session.ts";
import { createRates } from "./rates.ts";
import type { GroupLag, Snapshot, Summary } from "./snapshot.ts";
import { readVersions } from "./versions.ts";

export interface RunOptions extends SessionOptions {
  /** How long traffic runs; null until the session is aborted. */
  readonly seconds: number | null;
}

const snapshotIntervalMs = 1_000;
/** Long enough for the first retry of a failed POST (5 s). */
const drainDeadlineMs = 30_000;
/** After Ctrl-C a person waits: what is on its way is given this long. */
const drainAfterAbortMs = 3_000;

/**
 * A whole session: up, traffic, drain, down. Whatever happens, everything that it started has ended when it settles.
 * @returns the summary; its `problems` are empty when every log that matched was delivered.
 */
export async function runSession(options: RunOptions): Promise<Summary> {
  const stack = new AsyncDisposableStack();
  try {
    const session = await openSession(options, stack);
    const trouble = await watch(session, options);
    const summary = await finish(session, options, trouble);
    options.reporter.summary(summary);
    return summary;
  } catch (error) {
    if (!options.signal.aborted) options.folder.keepData();
    throw error;
  } finally {
    await stack.disposeAsync();
  }
}

/** Shows the session until its time is over. Resolves with a sentence when it broke, null when it did not. */
async function watch(session: Session, { seconds, signal, reporter }: RunOptions): Promise<string | null> {
  const trafficAt = performance.now();
  const endsAt = seconds === null ? Number.POSITIVE_INFINITY : trafficAt + seconds * 1_000;
  const rates = createRates();
  let trouble: string | null = null;
  const over = new AbortController();
  const end = (): void => over.abort();
  signal.addEventListener("abort", end, { once: true });
  void session.broken.then((sentence) => {
    trouble = sentence;
    end();
  });
  let lag: readonly GroupLag[] = [];
  while (!over.signal.aborted && !signal.aborted) {
    const now = performance.now();
    if (now >= endsAt) break;
    lag = await raceAbort(session.observer.lag(), over.signal).catch(() => lag);
    reporter.live(snapshotOf(session, (now - trafficAt) / 1_000, seconds, lag, rates));
    const pause = Math.min(snapshotIntervalMs, Math.max(0, endsAt - performance.now()));
    await delay(pause, undefined, { signal: over.signal }).catch(() => undefined);
  }
  signal.removeEventListener("abort", end);
  return trouble;
}

function snapshotOf(
  session: Session,
  seconds: number,
  secondsTotal: number | null,
  lag: readonly GroupLag[],
  rates: ReturnType<typeof createRates>,
): Snapshot {
  const chains = session.tally.chains();
  const sum = (field: "logs" | "delivered"): number =>
    chains.reduce((total, chain) => total + chain[field], 0);
  const { logsPerSecond, deliveriesPerSecond } = rates.add(performance.now(), sum("logs"), sum("delivered"));
  return {
    seconds,
    secondsTotal,
    chains,
    latencyMs: latencyOf(session),
    logsPerSecond,
    deliveriesPerSecond,
    lag,
    links: linksOf(session),
    refused: session.receiver.totals().refused,
  };
}

function linksOf(session: Session): Snapshot["links"] {
  const { settings, subscriptions } = session;
  const services = session.pipeline.running();
  const urlOf = (name: string): string => services.find((service) => service.name === name)?.url ?? "";
  const ports = services.map(({ name, url }) => `${name} :${new URL(url).port}`);
  return [
    ["ClickHouse", `${settings.CLICKHOUSE_URL}/play`],
    ["metrics", `${urlOf("delivery")}/metrics  (${ports.join("  ")})`],
    ["API", `${urlOf("api")}/openapi.json`],
    ["API key", subscriptions.apiKey],
    ["topics", `kcat -b ${settings.KAFKA_BROKERS} -t logs.${session.chains[0]?.chain.name ?? "ethereum"} -C`],
  ];
}

function latencyOf({ tally }: Session): { p50: number | null; p99: number | null } {
  return { p50: tally.latencies.percentile(0.5), p99: tally.latencies.percentile(0.99) };
}

/** Ends the traffic, waits until everything agrees, and tells what there was. */
async function finish(session: Session, options: RunOptions, trouble: string | null): Promise<Summary> {
  const { reporter, signal, seconds } = options;
  const trafficSeconds = (Date.now() - session.startedAtMs) / 1_000;
  // When an engine or service is gone there is nothing to wait for.
  if (trouble !== null) {
    options.folder.keepData();
    reporter.notice(trouble);
  } else reporter.step("Ending the transfers, and waiting until everything that matched is delivered …");
  const problems = trouble === null ? [...(await settle(session, signal.aborted))] : [trouble];
  const { refused } = session.receiver.totals();
  if (refused > 0) problems.push(`The receiver refused ${refused} requests: their signature was wrong.`);
  await raceAbort(session.subscriptions.remove(), AbortSignal.timeout(5_000)).catch(() => undefined);
  const firstAtMs = session.tally.firstReceivedAtMs();
  return {
    chains: session.tally.chains().map(({ chain, blocks, logs, matched, delivered, failed }) => {
      return { chain, blocks, logs, matched, delivered, failed };
    }),
    latencyMs: latencyOf(session),
    rows: await session.rows.count().catch(() => ({})),
    seconds: seconds ?? Math.round(trafficSeconds),
    versions: await readVersions(session),
    firstWebhookSeconds: firstAtMs === null ? null : (firstAtMs - session.startedAtMs) / 1_000,
    problems,
  };
}

/** @returns what did not agree in time, in sentences. */
async function settle(session: Session, aborted: boolean): Promise<readonly string[]> {
  try {
    const logsOfChain = new Map<string, number>();
    for (const { chain } of session.chains) {
      const transfers = session.transfers.get(chain.id);
      if (transfers === undefined) continue;
      await transfers.stop();
      logsOfChain.set(chain.name, (await transfers.count()).logs);
    }
    return await drain({
      logsOfChain,
      chains: () => session.tally.chains(),
      unmatched: () => unmatched(session),
      closeSource: () => session.pipeline.stop("ingestor"),
      rows: aborted ? null : () => session.rows.count(),
      deadlineMs: aborted ? drainAfterAbortMs : drainDeadlineMs,
    });
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
}

async function unmatched(session: Session): Promise<number> {
  const lag = await session.observer.lag();
  return lag.find(({ group }) => group === "matcher.latest")?.records ?? 0;
}
