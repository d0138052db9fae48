import { problemCodes, type Counts, type Problem } from "./types.ts";

export interface AuditReport {
  readonly chain: string;
  /** Where logs and webhooks were read; `ledger` when it has no block of the window, and nothing else was. */
  readonly evidence: "topics" | "clickhouse" | "ledger";
  readonly window: {
    readonly fromSequence: number | null;
    readonly toSequence: number | null;
    readonly fromBlock: number | null;
    readonly toBlock: number | null;
    readonly blocks: number;
    readonly removed: number;
  };
  /** Logs that the ledger counts, and those that were found. */
  readonly logs: { readonly counted: number; readonly found: number };
  readonly webhooks: Counts & { readonly expected: number };
  readonly clickhouse: string;
  /** Blocks that were compared with a provider; null without one. */
  readonly rpcBlocks: number | null;
  readonly problems: readonly Problem[];
}

const places = { topics: "the topics", clickhouse: "ClickHouse", ledger: "the ledger alone" } as const;

/** Problems of one kind that are listed; `--json` has all. */
const shownMax = 20;

/** The report for a person. */
export function showReport(report: AuditReport): string {
  const { window, logs, webhooks, clickhouse, rpcBlocks, problems } = report;
  const lines = [
    `${report.chain}, blocks ${window.fromBlock ?? "–"} to ${window.toBlock ?? "–"} (sequences ${window.fromSequence ?? "–"} to ${window.toSequence ?? "–"}), read from ${places[report.evidence]}`,
    `ledger      ${window.blocks} blocks added, ${window.removed} taken back`,
    `logs        ${logs.found} of ${logs.counted} that the ledger counts`,
    `clickhouse  ${clickhouse}`,
    ...(rpcBlocks === null ? [] : [`provider    ${rpcBlocks} blocks compared`]),
    `webhooks    ${webhooks.expected} must have been made: ${webhooks.delivered} delivered, ${webhooks.pending} pending, ${webhooks.dead} dead, ${webhooks.takenBack} taken back, ${webhooks.lost} lost`,
    "",
    problems.length === 0
      ? "nothing is missing"
      : `${problems.length} ${problems.length === 1 ? "problem" : "problems"}`,
  ];
  const byCode = Map.groupBy(problems, ({ code }) => code);
  for (const [code, some] of byCode) {
    lines.push("", `${code}: ${problemCodes[code]} (${some.length})`);
    lines.push(...some.slice(0, shownMax).map(({ at, detail }) => `  ${at}: ${detail}`));
    if (some.length > shownMax) lines.push(`  … and ${some.length - shownMax} more (--json has all)`);
  }
  return lines.join("\n");
}
