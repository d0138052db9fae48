import { describeVariables, loadConfig } from "@ethhook/kit";
import { PipelineError } from "@ethhook/schemas";
import { Command, InvalidArgumentError, Option } from "commander";
import { runCommand } from "./command.ts";
import { pause } from "./lag/serve.ts";
import { planOf } from "./replay/candidates.ts";
import { dryRun, executeReplay } from "./replay/execute.ts";
import { toRequest, type ReplayFlags } from "./replay/flags.ts";
import { positionHelp } from "./replay/position.ts";
import { shareDone } from "./replay/progress.ts";
import { replayStatuses } from "./replay/request.ts";
import { openSession, replayVariables, type Session } from "./replay/session.ts";
import type { StoredReplay } from "./replay/store.ts";
import { table } from "./topology/table.ts";

/** Stopped by a signal; `resume` goes on. */
const exitStopped = 130;
/** Cancelled by someone else. */
const exitCancelled = 3;

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());

const program = new Command("npm run replay --")
  .description(
    "Sends webhooks again, with the same ids and bytes and the header ethhook-replay, after everything that is due now.",
  )
  .option(
    "--topic <name>",
    "deliveries: what was sent. logs.<chain>: matched again, with the filters of that time",
    "deliveries",
  )
  .option("--from <position>", `where to begin: ${positionHelp}`, "begin")
  .option("--to <position>", "where to end", "end")
  .option("--partition <n>", "only this partition of the topic", wholeNumber)
  .option("--endpoint <id>", "only this endpoint")
  .option("--user <id>", "only endpoints of this user")
  .option("--contract <address>", "only logs of this contract")
  .option("--chain <name>", "only this chain")
  .addOption(new Option("--status <status>", "only webhooks that are now …").choices(replayStatuses))
  .option(
    "--match-again",
    "match the endpoint's present filter against the past, also from before it was there, up to where live matching took over",
  )
  .option("--rate <n>", "webhooks a second: 200/s, or max", "200/s")
  .option("--lead <records>", "records that may wait in deliveries.replay, 0: no bound", wholeNumber, 10_000)
  .option("--dry-run", "count by endpoint what would be sent; send nothing")
  .option("--json", "one JSON object on stdout")
  .addHelpText(
    "after",
    `
Examples:
  npm run replay -- --from -2h --status failed
  npm run replay -- --endpoint ep_… --from 2026-11-20T10:00Z --to 2026-11-20T11:00Z --rate 50/s
  npm run replay -- --chain base --from block:38000000 --to block:38000100 --dry-run
  npm run replay -- --topic logs.base --from -1d --contract 0x… --dry-run
  npm run replay -- --endpoint ep_… --match-again --chain base --from block:38000000
  npm run replay -- list | resume <id> | cancel <id>

A replay that stops, also by kill -9, goes on with resume, without a gap; what it sent already is not sent again.

${describeVariables("replay", replayVariables)}`,
  )
  .action((flags: ReplayFlags) => runCommand(() => withSession((session) => start(flags, session))));

program
  .command("list")
  .description("the newest replays")
  .action(() =>
    runCommand(() =>
      withSession(async ({ store }) => {
        const rows = (await store.list(20)).map((replay) => [
          replay.id,
          replay.status,
          `${Math.floor(shareDone(replay.plan, replay) * 100)} %`,
          String(replay.sent),
          replay.createdAt.toISOString(),
          words(replay),
        ]);
        console.log(table(["replay", "status", "done", "sent", "created", "of"], rows));
        return 0;
      }),
    ),
  );

program
  .command("resume <id>")
  .description("go on with a replay that was stopped or whose process died")
  .action((id: string) =>
    runCommand(() =>
      withSession(async (session) => {
        const replay = await session.store.get(id);
        if (replay.status === "running") return execute(replay, session, { json: false, ranBefore: true });
        throw new PipelineError(
          "REPLAY_REFUSED",
          "crash",
          `${id} is ${replay.status}: there is nothing to go on with`,
        );
      }),
    ),
  );

program
  .command("cancel <id>")
  .description("end a replay; records that already wait in deliveries.replay are still sent")
  .action((id: string) =>
    runCommand(() =>
      withSession(async ({ store }) => {
        const cancelled = await store.cancel(id);
        const { sent, status } = await store.get(id);
        console.log(cancelled ? `${id} is cancelled after ${sent} webhooks` : `${id} was ${status} already`);
        return 0;
      }),
    ),
  );

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("expected a whole number");
  return Number(text);
}

async function withSession(work: (session: Session) => Promise<number>): Promise<number> {
  const session = await openSession("replay", loadConfig(replayVariables, process.env));
  try {
    return await work(session);
  } finally {
    await session.close();
  }
}

async function start(flags: ReplayFlags, session: Session): Promise<number> {
  const request = toRequest(flags, session.topology, Date.now());
  const plan = await planOf(request, session, (ms) => pause(ms, stop.signal));
  if (flags.dryRun) {
    const counts = [...(await dryRun(request, plan, session, stop.signal))].toSorted(([a], [b]) =>
      a.localeCompare(b),
    );
    const total = counts.reduce((sum, [, count]) => sum + count, 0);
    if (flags.json) console.log(JSON.stringify({ total, endpoints: Object.fromEntries(counts) }));
    else
      console.log(
        `${table(
          ["endpoint", "webhooks"],
          counts.map(([id, count]) => [id, String(count)]),
        )}\n\n${total} webhooks would be sent`,
      );
    return 0;
  }
  const replay = await session.store.create(request, plan);
  return execute(replay, session, { json: flags.json === true, ranBefore: false });
}

async function execute(
  replay: StoredReplay,
  session: Session,
  { json, ranBefore }: { readonly json: boolean; readonly ranBefore: boolean },
): Promise<number> {
  if (!json) console.error(`${replay.id}: ${words(replay)}`);
  const output = {
    isTTY: process.stderr.isTTY === true,
    write: (text: string) => process.stderr.write(text),
  };
  const { end, state } = await executeReplay(replay, session, output, stop.signal, ranBefore);
  const { sent, scanned } = state;
  if (json) console.log(JSON.stringify({ id: replay.id, end, sent, scanned }));
  else console.log(`${replay.id} ${end}: ${sent} webhooks sent of ${scanned} records read`);
  if (end === "stopped") console.error(`go on with: npm run replay -- resume ${replay.id}`);
  return end === "done" ? 0 : end === "cancelled" ? exitCancelled : exitStopped;
}

function words({ request }: StoredReplay): string {
  const { topic, endpointId, userId, contract, chainId, status, ratePerSecond, matchAgain } = request;
  const filters = Object.entries({ endpointId, userId, contract, chainId, status })
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name} ${value}`);
  return [
    matchAgain ? "the past, matched again" : topic,
    ...filters,
    ratePerSecond === null ? "as fast as it goes" : `${ratePerSecond}/s`,
  ].join(", ");
}

await program.parseAsync();
