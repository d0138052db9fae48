import {
  chainVariables,
  createKafka,
  createLogger,
  kafkaVariables,
  loadConfig,
  type KafkaAdmin,
  type PartitionReader,
} from "@ethhook/kit";
import { PipelineError } from "@ethhook/schemas";
import { computeLag, createTopology, type LagReport, type LagSnapshot } from "@ethhook/topology";
import { Command, InvalidArgumentError } from "commander";
import { runCommand } from "./command.ts";
import { pause, serveLag } from "./lag/serve.ts";
import { createLagReader } from "./lag/snapshot.ts";
import { lagTable } from "./lag/words.ts";

/** A group has more eligible lag than --fail-over allows. */
const exitOver = 2;
const sampleMs = 1_000;
const watchMs = 2_000;
const serveEveryMs = 10_000;
const clearScreen = "\u001b[H\u001b[2J";

interface Flags {
  readonly watch?: true;
  readonly json?: true;
  readonly partitions?: true;
  readonly all?: true;
  readonly group?: string;
  readonly failOver?: number;
  readonly serve?: number;
}

const program = new Command("npm run lag --")
  .description(
    "How far each consumer group is behind: records, seconds, rates, time to drain. ClickHouse's groups too.",
  )
  .option("--watch", "again every 2 seconds, until Ctrl-C")
  .option("--json", "one JSON object (with --watch, one a line)")
  .option("--partitions", "a row for each partition, with its owner")
  .option("--group <id>", "only this group")
  .option("--all", "also groups of throw-away readers")
  .option("--fail-over <records>", `exit ${exitOver} when a group's eligible lag is larger`, wholeNumber)
  .option("--serve <port>", "serve the lag as Prometheus metrics instead", wholeNumber)
  .addHelpText(
    "after",
    `
Reads KAFKA_BROKERS (127.0.0.1:9092), CHAINS_EXTRA, and HTTP_HOST (127.0.0.1) for --serve.
lag: records not yet committed; markers of transactions between them count. eligible: the part that does not wait for
finality on purpose. oldest: age of the oldest open record. retention used: at 100 % it is deleted unread.`,
  )
  .action((flags: Flags) => runCommand(() => lag(flags)));

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("expected a whole number");
  return Number(text);
}

async function lag(flags: Flags): Promise<number> {
  const config = loadConfig({ ...kafkaVariables, ...chainVariables }, process.env);
  const level = flags.serve === undefined ? "error" : "info";
  const logger = createLogger({ name: "lag", level });
  const kafka = createKafka({ brokers: config.KAFKA_BROKERS, clientId: "lag", logger });
  const [admin, reader] = [kafka.admin(), kafka.reader()];
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());
  try {
    const read = reports(createTopology(config.CHAINS_EXTRA), admin, reader, flags);
    if (flags.serve === undefined) return await print(read, flags, stop.signal);
    const host = process.env["HTTP_HOST"] || "127.0.0.1";
    await serveLag(read, { host, port: flags.serve, everyMs: serveEveryMs, logger }, stop.signal);
    return 0;
  } finally {
    await Promise.all([admin.close(), reader.close()]);
  }
}

/** Reports one after the other, each with the rates since the one before. */
function reports(
  topology: ReturnType<typeof createTopology>,
  admin: KafkaAdmin,
  reader: PartitionReader,
  flags: Flags,
): () => Promise<LagReport> {
  const snapshots = createLagReader(topology, admin, reader);
  let before: LagSnapshot | undefined;
  return async () => {
    const snapshot = await snapshots.read();
    const report = computeLag(topology, snapshot, before, { includeReaders: flags.all === true });
    before = snapshot;
    const { group } = flags;
    return group === undefined ? report : { ...report, groups: onlyGroup(report, group) };
  };
}

/** @throws PipelineError when no such group is there: a wrong name must not look like a group without lag. */
function onlyGroup({ groups }: LagReport, group: string): LagReport["groups"] {
  const found = groups.filter((lag) => lag.group === group);
  if (found.length > 0) return found;
  const known = groups.map((lag) => lag.group).join(", ");
  throw new PipelineError("GROUP_UNKNOWN", "crash", `No group is called ${group}. There are ${known}.`);
}

async function print(read: () => Promise<LagReport>, flags: Flags, signal: AbortSignal): Promise<number> {
  // The first look gives the second one its rates.
  await read();
  await pause(sampleMs, signal);
  let report: LagReport;
  do {
    report = await read();
    show(report, flags);
    if (flags.watch) await pause(watchMs, signal);
  } while (flags.watch && !signal.aborted);
  const over = report.groups.filter(({ eligibleRecords }) => eligibleRecords > (flags.failOver ?? Infinity));
  for (const { group, eligibleRecords } of over) {
    console.error(`${group} lags by ${eligibleRecords} records; ${flags.failOver} are allowed`);
  }
  return over.length > 0 ? exitOver : 0;
}

function show(report: LagReport, flags: Flags): void {
  if (flags.json) return console.log(JSON.stringify(report));
  const onTerminal = flags.watch === true && process.stdout.isTTY;
  const at = new Date(report.atMs).toISOString();
  console.log(`${onTerminal ? clearScreen : ""}${at}\n${lagTable(report, flags.partitions === true)}`);
}

await program.parseAsync();
