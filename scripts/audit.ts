import { describeVariables, loadConfig } from "@ethhook/kit";
import { createRematcher } from "@ethhook/matcher/rematch";
import { PipelineError } from "@ethhook/schemas";
import { Command, Option } from "commander";
import { chooseEvidence, evidenceNames, type EvidenceName } from "./audit/choose-evidence.ts";
import { createClickHouseEvidence } from "./audit/clickhouse-evidence.ts";
import { checkLedger } from "./audit/ledger-check.ts";
import { showReport, type AuditReport } from "./audit/report.ts";
import { auditRpc } from "./audit/rpc.ts";
import { auditClickHouse, auditLogs, auditWebhooks } from "./audit/run.ts";
import type { Problem } from "./audit/types.ts";
import { checkWindow } from "./audit/window-check.ts";
import { readWindow, type ReadWindow } from "./audit/window.ts";
import { runCommand } from "./command.ts";
import { pause } from "./lag/serve.ts";
import { parsePosition, positionHelp } from "./replay/position.ts";
import { openSession, replayVariables, type Session } from "./replay/session.ts";

/** Something is missing. */
const exitMissing = 2;

interface Flags {
  readonly chain: string;
  readonly from: string;
  readonly to: string;
  readonly evidence: EvidenceName;
  readonly clickhouse: boolean;
  readonly rpc?: string;
  readonly json?: true;
}

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());

const program = new Command("npm run audit --")
  .description(
    "Proves that every log of a window was ingested, matched and delivered, or lists what was not.",
  )
  .requiredOption("--chain <name>", "the chain")
  .option("--from <position>", `where the window begins: ${positionHelp}`, "-1h")
  .option("--to <position>", "where it ends", "end")
  .addOption(
    new Option(
      "--evidence <where>",
      "where logs, webhooks and attempts are read; auto: the topics while they hold the window",
    )
      .choices(evidenceNames)
      .default("auto"),
  )
  .option("--no-clickhouse", "do not check that ClickHouse has every log")
  .option("--rpc <url>", "also compare each block's logs with this provider's receipts")
  .option("--json", "one JSON object on stdout")
  .addHelpText(
    "after",
    `
The ledger says which logs each block has, by count and digest. What must have matched is computed again with the filters
of that time. Each webhook is then delivered, pending, dead, taken back by a reorg, or lost. Exit code ${exitMissing} when anything is missing,
also when the ledger does not have the window: no block of it, not a block that is asked for, or an end that is too old.
A webhook that its owner cancelled while it waited looks lost: nothing is kept of it.

${describeVariables("audit", replayVariables)}`,
  )
  .action((flags: Flags) =>
    runCommand(async () => {
      const session = await openSession("audit", loadConfig(replayVariables, process.env));
      try {
        const report = await audit(flags, session);
        console.log(flags.json ? JSON.stringify(report) : showReport(report));
        return report.problems.length > 0 ? exitMissing : 0;
      } finally {
        await session.close();
      }
    }),
  );

async function audit(flags: Flags, session: Session): Promise<AuditReport> {
  const chain = session.topology.chains.find(({ name }) => name === flags.chain);
  if (chain === undefined) {
    const known = session.topology.chains.map(({ name }) => name).join(", ");
    throw new PipelineError("REPLAY_REFUSED", "crash", `--chain ${flags.chain}: known are ${known}`);
  }
  const [from, to] = [position(flags.from), position(flags.to)];
  const read = await readWindow(chain, from, to, session);
  const uncovered = checkWindow(read, from, to, Date.now());
  const report = { chain: chain.name, window: summary(read) };
  if (read.window.records.size === 0) return { ...report, ...nothingAudited, problems: uncovered };
  const evidence = await chooseEvidence(flags.evidence, read.window, session);
  const rematcher = createRematcher({ ...session, broker: session.kafka, now: Date.now });
  try {
    const logs = await auditLogs(read.window, evidence, rematcher);
    const webhooks = await auditWebhooks(read.window, logs.expected, evidence, session, (ms) =>
      pause(ms, stop.signal),
    );
    // As the evidence itself, ClickHouse was compared with the ledger log by log.
    const rows =
      evidence.name === "clickhouse" ? { told: "is the evidence" } : await rowsOf(flags, read, session);
    const rpc = flags.rpc === undefined ? null : await auditRpc(read.window, flags.rpc);
    const problems: Problem[] = [
      ...uncovered,
      ...checkLedger(read.ledger),
      ...logs.problems,
      ...webhooks.problems,
    ];
    if ("problems" in rows) problems.push(...(rows.problems ?? []));
    problems.push(...(rpc?.problems ?? []));
    return {
      ...report,
      evidence: evidence.name,
      logs: {
        counted: [...read.window.records.values()].reduce((sum, { logCount }) => sum + logCount, 0),
        found: logs.found,
      },
      webhooks: { expected: logs.expected.length, ...webhooks.counts },
      clickhouse: rows.told,
      rpcBlocks: rpc?.compared ?? null,
      problems,
    };
  } finally {
    await rematcher.close();
    await evidence.close();
  }
}

/** Of a window without a block there is nothing to read but the ledger. */
const nothingAudited = {
  evidence: "ledger",
  logs: { counted: 0, found: 0 },
  webhooks: { expected: 0, delivered: 0, pending: 0, dead: 0, takenBack: 0, lost: 0 },
  clickhouse: "not checked",
  rpcBlocks: null,
} as const;

function position(text: string) {
  try {
    return parsePosition(text, Date.now());
  } catch (cause) {
    throw new PipelineError(
      "REPLAY_REFUSED",
      "crash",
      cause instanceof Error ? cause.message : String(cause),
      { cause },
    );
  }
}

/** Whether ClickHouse has the logs. One that does not answer is told, and is no loss of a webhook. */
async function rowsOf(
  flags: Flags,
  { window }: ReadWindow,
  session: Session,
): Promise<{ told: string; problems?: readonly Problem[] }> {
  if (!flags.clickhouse) return { told: "not checked" };
  const clickhouse = createClickHouseEvidence(session);
  try {
    const problems = await auditClickHouse(window, await clickhouse.countLogs(window), Date.now());
    return {
      told: problems.length === 0 ? "has every log" : `lacks logs of ${problems.length} blocks`,
      problems,
    };
  } catch (error) {
    return { told: `not checked: ${error instanceof Error ? error.message : String(error)}` };
  } finally {
    await clickhouse.close();
  }
}

function summary({ window, ledger }: ReadWindow): AuditReport["window"] {
  const blocks = [...window.records.values()];
  const added = blocks.filter(({ kind }) => kind === "added");
  return {
    fromSequence: ledger[0]?.sequence ?? null,
    toSequence: ledger.at(-1)?.sequence ?? null,
    fromBlock: added[0]?.number ?? null,
    toBlock: added.at(-1)?.number ?? null,
    blocks: added.length,
    removed: blocks.length - added.length,
  };
}

await program.parseAsync();
