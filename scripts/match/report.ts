import type { MatchReport } from "./match-block.ts";

/** Matches that are listed; the rest is counted. */
const matchesShown = 20;
const reasonsShown = 12;

/** The report for people. @param payloads how many payloads to show. */
export function asText(report: MatchReport, payloads: number): string {
  const { chain, number, logs, matches, reasons } = report;
  const lines = [`${chain} block ${number ?? "without logs"}: ${logs} logs, ${matches.length} match`, ""];
  for (const [index, match] of matches.slice(0, matchesShown).entries()) {
    lines.push(
      `  log ${match.logIndex} of ${match.address}`,
      `    transaction ${match.transactionHash}`,
      `    ${match.why}`,
    );
    if (index < payloads)
      lines.push(
        ...JSON.stringify(match.payload, null, 2)
          .split("\n")
          .map((line) => `    ${line}`),
      );
    lines.push("");
  }
  if (matches.length > matchesShown) lines.push(`  … and ${matches.length - matchesShown} more`, "");
  if (reasons.length > 0) lines.push("Why the others do not:");
  for (const { reason, example, logs: count } of reasons.slice(0, reasonsShown)) {
    lines.push(`  ${String(count).padStart(5)}  ${count === 1 ? example : reason}`);
  }
  const rest = reasons.slice(reasonsShown).reduce((sum, one) => sum + one.logs, 0);
  if (rest > 0) lines.push(`  ${String(rest).padStart(5)}  for other reasons`);
  return `${lines.join("\n")}\n`;
}
