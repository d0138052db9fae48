import type { GroupLag, Snapshot, Summary } from "./snapshot.ts";
import type { ChainTally } from "./tally.ts";

export interface ViewOptions {
  /** Columns of the terminal; longer lines are cut. */
  readonly width: number;
  /** Whether the terminal shows colours. */
  readonly colour: boolean;
}

const columns = ["chain", "head", "blocks", "logs", "matched", "delivered", "failed"] as const;
const columnWidth = 10;

/** The live view: lines of at most `width` characters. Pure. */
export function renderLive(snapshot: Snapshot, options: ViewOptions): string[] {
  const paint = painter(options.colour);
  const total = totalOf(snapshot.chains);
  const of = snapshot.secondsTotal === null ? "" : ` of ${clock(snapshot.secondsTotal)}`;
  const lines: Line[] = [
    [
      paint.bold("EthHook"),
      `  ${clock(snapshot.seconds)}${of}   Ctrl-C stops everything, and its data is gone`,
    ],
    [],
    [paint.dim(row(columns))],
    ...snapshot.chains.map((chain): Line => chainLine(chain, paint)),
    ...(snapshot.chains.length > 1 ? [chainLine(total, paint)] : []),
    [],
    latencyLine(snapshot, paint),
    ...lagLines(snapshot.lag),
    ...(snapshot.refused > 0 ? [[paint.red(`${snapshot.refused} webhooks had a wrong signature`)]] : []),
    [],
    ...snapshot.links.map(([name, url]): Line => [paint.dim(name.padEnd(12)), url]),
  ];
  return lines.map((line) => cut(line, options.width));
}

/** One line for a log or a pipe. Pure. */
export function renderLine(snapshot: Snapshot): string {
  const chains = snapshot.chains.map((chain) => `${chain.chain} ${chain.delivered}/${chain.matched}`);
  const { matched, delivered, logs } = totalOf(snapshot.chains);
  const { p50, p99 } = snapshot.latencyMs;
  return (
    `${clock(snapshot.seconds)}  ${logs} logs, ${matched} matched, ${delivered} delivered (${chains.join(", ")})` +
    `  block to receiver p50 ${milliseconds(p50)}, p99 ${milliseconds(p99)}  lag ${lagText(snapshot.lag)}`
  );
}

/** The end, for people. Pure. */
export function renderSummary(summary: Summary): string[] {
  const { p50, p99 } = summary.latencyMs;
  const first = summary.firstWebhookSeconds;
  return [
    row(columns.filter((column) => column !== "head")),
    ...summary.chains.map((chain) =>
      row([chain.chain, chain.blocks, chain.logs, chain.matched, chain.delivered, chain.failed]),
    ),
    "",
    `block seen to webhook received: p50 ${milliseconds(p50)}, p99 ${milliseconds(p99)}`,
    ...(first === null ? [] : [`first webhook ${first.toFixed(1)} s after the start of the command`]),
    `rows in ClickHouse: ${list(summary.rows)}`,
    `versions: ${list(summary.versions)}`,
    "",
    ...(summary.problems.length === 0
      ? ["Every log that matched was delivered."]
      : [
          "It cannot be shown that every log was delivered:",
          ...summary.problems.map((problem) => `  - ${problem}`),
        ]),
  ];
}

/** Text pieces, of which the painted ones have a length that differs from what is seen. */
type Piece = string | { readonly text: string; readonly shown: string };
type Line = readonly Piece[];
type Paint = Record<"bold" | "dim" | "red" | "green", (text: string) => Piece>;

function painter(colour: boolean): Paint {
  const style = (on: number, off: number) => (text: string) =>
    colour ? { text, shown: `\u001b[${on}m${text}\u001b[${off}m` } : text;
  return { bold: style(1, 22), dim: style(2, 22), red: style(31, 39), green: style(32, 39) };
}

function cut(line: Line, width: number): string {
  let left = width;
  let out = "";
  for (const piece of line) {
    const text = typeof piece === "string" ? piece : piece.text;
    if (text.length > left) return out + text.slice(0, left);
    out += typeof piece === "string" ? piece : piece.shown;
    left -= text.length;
  }
  return out;
}

function chainLine(chain: ChainTally, paint: Paint): Line {
  const head = chain.head === null ? "" : `#${chain.head}`;
  const before = row([chain.chain, head, chain.blocks, chain.logs, chain.matched]);
  const delivered = String(chain.delivered).padStart(columnWidth);
  const failed = String(chain.failed).padStart(columnWidth);
  const all = chain.delivered > 0 && chain.delivered === chain.matched;
  return [before, all ? paint.green(delivered) : delivered, chain.failed > 0 ? paint.red(failed) : failed];
}

function row(cells: readonly (string | number)[]): string {
  return cells
    .map((cell, index) => (index === 0 ? String(cell).padEnd(12) : String(cell).padStart(columnWidth)))
    .join("");
}

function latencyLine(snapshot: Snapshot, paint: Paint): Line {
  const { p50, p99 } = snapshot.latencyMs;
  return [
    "block → receiver  p50 ",
    paint.bold(milliseconds(p50)),
    "  p99 ",
    paint.bold(milliseconds(p99)),
    `    ${snapshot.logsPerSecond.toFixed(1)} logs/s  ${snapshot.deliveriesPerSecond.toFixed(1)} webhooks/s`,
  ];
}

const clickHousePrefix = "clickhouse.";

/** The pipeline's own groups, and below them those that fill ClickHouse. */
function lagLines(lag: readonly GroupLag[]): Line[] {
  const own = lag.filter(({ group }) => !group.startsWith(clickHousePrefix));
  const tables = lag.filter(({ group }) => group.startsWith(clickHousePrefix));
  const text = (groups: readonly GroupLag[]): string =>
    groups.map(({ group, records }) => `${group.replace(clickHousePrefix, "")} ${records}`).join("  ");
  return [
    [`lag, records      ${own.length === 0 ? "–" : text(own)}`],
    [`  of ClickHouse   ${tables.length === 0 ? "–" : text(tables)}`],
  ];
}

function lagText(lag: readonly GroupLag[]): string {
  return lag.map(({ group, records }) => `${group} ${records}`).join(", ") || "–";
}

function totalOf(chains: readonly ChainTally[]): ChainTally {
  const sum = (field: "blocks" | "logs" | "matched" | "delivered" | "failed"): number =>
    chains.reduce((total, chain) => total + chain[field], 0);
  return {
    chain: "total",
    chainId: 0,
    head: null,
    blocks: sum("blocks"),
    logs: sum("logs"),
    matched: sum("matched"),
    delivered: sum("delivered"),
    failed: sum("failed"),
  };
}

function list(values: Readonly<Record<string, number | string>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name} ${value}`)
    .join(", ");
}

function milliseconds(value: number | null): string {
  return value === null ? "–" : `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ms`;
}

function clock(seconds: number): string {
  const whole = Math.floor(seconds);
  return `${String(Math.floor(whole / 60)).padStart(2, "0")}:${String(whole % 60).padStart(2, "0")}`;
}
