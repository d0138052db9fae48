import { describeVariables, loadConfig } from "@ethhook/kit";
import { createRematcher } from "@ethhook/matcher/rematch";
import { PipelineError } from "@ethhook/schemas";
import { toRecord, type Topology } from "@ethhook/topology";
import { Command, InvalidArgumentError } from "commander";
import { runCommand } from "./command.ts";
import { pause } from "./lag/serve.ts";
import { createRedriveGuard } from "./redrive/guard.ts";
import { deadLetters, type LetterFilter } from "./redrive/letters.ts";
import { runRedrive, type RedriveCounts } from "./redrive/run.ts";
import { toRequest } from "./replay/flags.ts";
import { planReplay } from "./replay/plan.ts";
import { positionHelp } from "./replay/position.ts";
import { asReplay } from "./replay/request.ts";
import { openSession, replayVariables, type Session } from "./replay/session.ts";
import { table } from "./topology/table.ts";

interface Flags {
  readonly topic: string;
  readonly from: string;
  readonly to: string;
  readonly reason?: string;
  readonly endpoint?: string;
  readonly user?: string;
  readonly chain?: string;
  readonly rate: string;
  readonly timesMax: number;
  readonly dryRun?: true;
  readonly json?: true;
}

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());

const program = new Command("npm run redrive --")
  .description(
    "Brings dead letters back: each webhook again, with the same id and bytes and a retry schedule of its own.",
  )
  .option(
    "--topic <name>",
    "deliveries.dlq, or logs.dlq: logs that this version can read now",
    "deliveries.dlq",
  )
  .option("--from <position>", `dead since: ${positionHelp}`, "begin")
  .option("--to <position>", "dead until", "end")
  .option("--reason <reason>", "only those that died of: exhausted, blocked, overflow, gone, too_large")
  .option("--endpoint <id>", "only this endpoint")
  .option("--user <id>", "only endpoints of this user")
  .option("--chain <name>", "only this chain")
  .option("--rate <n>", "webhooks a second: 200/s, or max", "200/s")
  .option("--times-max <n>", "how often one webhook may be brought back in its life", wholeNumber, 3)
  .option("--dry-run", "count by endpoint what would be brought back; send nothing")
  .option("--json", "one JSON object on stdout")
  .addHelpText(
    "after",
    `
A letter is brought back once: running this again takes only what died since. What dies again is a new letter, up to
--times-max times.

${describeVariables("redrive", replayVariables)}`,
  )
  .action((flags: Flags) => runCommand(() => redrive(flags)));

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("expected a whole number");
  return Number(text);
}

async function redrive(flags: Flags): Promise<number> {
  const session = await openSession("redrive", loadConfig(replayVariables, process.env));
  const rematcher = createRematcher({ ...session, broker: session.kafka, now: Date.now });
  try {
    const { topology, producer, pool } = session;
    const { request, filter } = wish(flags, topology);
    const plan = await planReplay({ ...request, topic: flags.topic }, session);
    const guard = createRedriveGuard(pool, flags.timesMax);
    const dry = flags.dryRun === true;
    const counts = await runRedrive(
      deadLetters(plan, filter, { ...session, rematcher }),
      dry ? null : request.ratePerSecond,
      {
        guard: dry ? { ...guard, mark: async () => undefined } : guard,
        send: (deliveries) =>
          dry ? Promise.resolve() : producer.send(deliveries.map((delivery) => redriven(delivery, topology))),
        now: Date.now,
        pause: (ms) => pause(ms, stop.signal),
        stopping: () => stop.signal.aborted,
      },
    );
    show(counts, dry, flags.json === true);
    return stop.signal.aborted ? 130 : 0;
  } finally {
    await rematcher.close();
    await session.close();
  }
}

const redriven = (delivery: Parameters<typeof asReplay>[0], { deliveriesReplay }: Session["topology"]) =>
  toRecord(deliveriesReplay, asReplay(delivery, "redrive"), { "ethhook-replay": "redrive" });

/** What the options mean; their common part is a replay's. */
function wish(flags: Flags, topology: Topology) {
  const { reason, topic, ...rest } = flags;
  if (topic !== topology.deliveriesDlq.name && topic !== topology.logsDlq.name) {
    throw new PipelineError(
      "REPLAY_REFUSED",
      "crash",
      `--topic ${topic}: expected deliveries.dlq or logs.dlq`,
    );
  }
  const request = toRequest({ ...rest, topic: topology.deliveries.name, lead: 0 }, topology, Date.now());
  const { endpointId, userId, chainId } = request;
  const filter: LetterFilter = { reason: reason ?? null, endpointId, userId, chainId };
  return { request, filter };
}

function show({ read, sent, done, loop }: RedriveCounts, dry: boolean, json: boolean): void {
  const endpoints = [...sent].toSorted(([a], [b]) => a.localeCompare(b));
  const total = endpoints.reduce((sum, [, count]) => sum + count, 0);
  if (json)
    return console.log(JSON.stringify({ total, endpoints: Object.fromEntries(endpoints), read, done, loop }));
  if (total > 0)
    console.log(
      `${table(
        ["endpoint", "webhooks"],
        endpoints.map(([id, count]) => [id, String(count)]),
      )}\n`,
    );
  console.log(`${total} webhooks ${dry ? "would be" : "were"} brought back, of ${read} dead letters`);
  if (done > 0) console.log(`${done} were brought back before`);
  if (loop > 0) console.log(`${loop} stay: they were brought back too often (--times-max)`);
}

await program.parseAsync();
