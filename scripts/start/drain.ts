import { setTimeout as delay } from "node:timers/promises";
import type { ChainTally } from "./tally.ts";

export interface DrainOptions {
  /** Logs that each chain itself reports, by chain name; a chain that cannot be asked is absent. */
  readonly logsOfChain: ReadonlyMap<string, number>;
  readonly chains: () => readonly ChainTally[];
  /** Records that the matcher has not read yet. */
  readonly unmatched: () => Promise<number>;
  /** No new log comes after this. Called once every log of the chains is in the ledger. */
  readonly closeSource: () => Promise<void>;
  /** What ClickHouse holds; null when nobody waits for it. */
  readonly rows: (() => Promise<Readonly<Record<string, number>>>) | null;
  readonly deadlineMs: number;
}

const pollMs = 50;

/**
 * Waits until chain, ledger, matches, receipts and ClickHouse agree.
 * @returns what did not agree at the deadline, in sentences; nothing when every log that matched was delivered.
 */
export async function drain(options: DrainOptions): Promise<readonly string[]> {
  const deadline = performance.now() + options.deadlineMs;
  const until = async (agrees: () => boolean | Promise<boolean>): Promise<boolean> => {
    for (;;) {
      if (await agrees()) return true;
      if (performance.now() > deadline) return false;
      await delay(pollMs);
    }
  };
  const every = (agrees: (chain: ChainTally) => boolean) => (): boolean => options.chains().every(agrees);

  await until(every((chain) => chain.logs >= (options.logsOfChain.get(chain.chain) ?? 0)));
  await options.closeSource();
  // Of a chain that cannot be asked nobody knows how many logs should match: the matcher must have read them all.
  await until(async () => (await options.unmatched()) === 0);
  await until(every((chain) => chain.matched >= (options.logsOfChain.get(chain.chain) ?? 0)));
  await until(every((chain) => chain.delivered >= chain.matched));
  const disagreements = options.chains().flatMap((chain) => compare(chain, options.logsOfChain));
  const { rows } = options;
  if (rows === null) return disagreements;
  const missing = async (): Promise<readonly string[]> => missingRows(options.chains(), await rows());
  await until(async () => (await missing()).length === 0);
  return [...disagreements, ...(await missing())];
}

function compare(chain: ChainTally, logsOfChain: ReadonlyMap<string, number>): string[] {
  const { chain: name, logs, matched, delivered } = chain;
  const problems: string[] = [];
  const expected = logsOfChain.get(name);
  if (expected !== undefined && logs !== expected) {
    problems.push(`${name}: the chain has ${expected} logs, the ledger ${logs}.`);
  }
  if (expected !== undefined && matched !== logs) {
    problems.push(`${name}: all of ${logs} logs should match, ${matched} did.`);
  }
  if (delivered !== matched) problems.push(`${name}: ${matched} matched, ${delivered} were delivered.`);
  if (expected !== undefined && delivered === 0) problems.push(`${name}: nothing was delivered.`);
  return problems;
}

/** ClickHouse may hold more, from earlier sessions and repeated reads; never less. */
function missingRows(
  chains: readonly ChainTally[],
  rows: Readonly<Record<string, number>>,
): readonly string[] {
  const sum = (field: "logs" | "matched" | "delivered"): number =>
    chains.reduce((total, chain) => total + chain[field], 0);
  const wanted = { logs: sum("logs"), deliveries: sum("matched"), attempts: sum("delivered") };
  return Object.entries(wanted).flatMap(([table, count]) =>
    (rows[table] ?? 0) >= count ? [] : [`ClickHouse has ${rows[table] ?? 0} of ${count} rows in ${table}.`],
  );
}
