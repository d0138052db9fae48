import { readFile } from "node:fs/promises";
import { text as readAll } from "node:stream/consumers";
import type { Finality } from "@ethhook/schemas";
import { parseFilter, type FilterProblem } from "@ethhook/schemas/filter";
import { chainsExtra, type Chain } from "@ethhook/topology";
import { Command, Option } from "commander";
import { matchBlock, type MatchReport } from "./match-block.ts";
import { readBlock, type BlockSource } from "./read-block.ts";
import { Refusal } from "./refusal.ts";
import { asText } from "./report.ts";

type Env = Readonly<Record<string, string | undefined>>;

interface Options {
  readonly filter: string;
  readonly block: string;
  readonly rpc?: string;
  readonly fixture?: string;
  readonly list: readonly string[];
  readonly finality: Finality;
  readonly payloads: string;
  readonly json?: boolean;
}

const help = `
The filter file is what an endpoint's \`filter\` is: JSON with chains, addresses, topics, or an event with conditions.
  {"event": "Transfer(address indexed from, address indexed to, uint256 value)", "where": {"value": {"gte": "1000"}}}
Without --rpc and --fixture the block comes from <CHAIN>_HTTP_URL, if that is set, else from tests/fixtures/blocks.
Exit 0 when the filter could be tried, 1 when it was refused or the block could not be read.`;

/** `npm run match`: tries a filter on one block. */
export function createMatchCommand(env: Env): Command {
  return new Command("npm run match --")
    .description(
      "try a filter on a block: what matches, why the rest does not, and the payload that would be sent",
    )
    .requiredOption("--filter <file>", "JSON of the filter; - reads it from stdin")
    .requiredOption("--block <chain:number>", "for example ethereum:18000000, or base:latest")
    .option("--rpc <url>", "HTTP JSON-RPC of a node")
    .option("--fixture <path>", "a recorded block: <path>.block.json and <path>.receipts.json")
    .option(
      "--list <name=file…>",
      "a named list of addresses, one a line",
      (one: string, all: readonly string[]) => [...all, one],
      [],
    )
    .addOption(
      new Option("--finality <when>", "as the payload would say")
        .choices(["latest", "confirmed", "finalized"])
        .default("latest"),
    )
    .option("--payloads <count>", "payloads to show", "1")
    .option("--json", "one JSON object on stdout")
    .addHelpText("after", help)
    .action((options: Options) => guarded(() => run(options, env)));
}

async function guarded(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}

async function run(options: Options, env: Env): Promise<void> {
  const chains = chainsExtra.parse(env["CHAINS_EXTRA"] || "[]");
  const { chain, number } = readPlace(options.block, chains);
  const payloads = Number(options.payloads);
  if (!Number.isInteger(payloads) || payloads < 0)
    throw new Refusal(`--payloads ${options.payloads}: a whole number`);
  const lists = new Map(await Promise.all(options.list.map((one) => readList(one))));
  const input = await readJson(options.filter);
  const parsed = parseFilter(input, { chains, ...(lists.size > 0 ? { lists: [...lists.keys()] } : {}) });
  if (!parsed.ok) throw new Refusal(`The filter is refused:\n${parsed.problems.map(problemLine).join("\n")}`);
  const block = await readBlock(sourceOf(options, env, chain), chain, number);
  const report = matchBlock({
    filter: parsed.filter,
    block,
    chain: chain.name,
    finality: options.finality,
    lists,
  });
  process.stdout.write(
    options.json === true ? `${JSON.stringify(jsonOf(report))}\n` : asText(report, payloads),
  );
}

function problemLine({ path, reason, suggestion }: FilterProblem): string {
  return `  ${path === "" ? "filter" : path}: ${reason}${suggestion === null ? "" : ` – ${suggestion}`}`;
}

function jsonOf(report: MatchReport): object {
  const { chain, number, logs, matches, reasons } = report;
  return { chain, block: number, logs, matched: matches.length, matches, reasons };
}

function readPlace(text: string, chains: readonly Chain[]): { chain: Chain; number: number | "latest" } {
  const [name = "", at = ""] = text.split(":");
  const chain = chains.find((one) => one.name === name.toLowerCase() || String(one.id) === name);
  if (chain === undefined)
    throw new Refusal(
      `--block ${text}: no chain "${name}"; there are ${chains.map((one) => one.name).join(", ")}`,
    );
  if (at === "latest") return { chain, number: at };
  if (!/^\d{1,15}$/.test(at))
    throw new Refusal(`--block ${text}: expected chain:number, for example ethereum:18000000`);
  return { chain, number: Number(at) };
}

function sourceOf({ rpc, fixture }: Options, env: Env, chain: Chain): BlockSource {
  if (rpc !== undefined && fixture !== undefined) throw new Refusal("Give --rpc or --fixture, not both");
  if (fixture !== undefined) return { kind: "fixture", path: fixture };
  const [url] = (rpc ?? env[`${chain.name.toUpperCase()}_HTTP_URL`] ?? "").split(",");
  return url === undefined || url === "" ? { kind: "recorded" } : { kind: "rpc", url };
}

async function readJson(file: string): Promise<unknown> {
  const content = await (file === "-" ? readAll(process.stdin) : readText(file));
  try {
    return JSON.parse(content) as unknown;
  } catch (error) {
    throw new Refusal(`${file} is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function readList(option: string): Promise<[string, ReadonlySet<string>]> {
  const at = option.indexOf("=");
  if (at < 1) throw new Refusal(`--list ${option}: expected name=file`);
  const addresses = (await readText(option.slice(at + 1))).split(/\s+/).filter((word) => word !== "");
  const wrong = addresses.find((word) => !/^0x[0-9a-fA-F]{40}$/.test(word));
  if (wrong !== undefined) throw new Refusal(`--list ${option}: ${JSON.stringify(wrong)} is no address`);
  return [option.slice(0, at), new Set(addresses.map((word) => word.toLowerCase()))];
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Refusal(code === "ENOENT" ? `There is no file ${file}` : `${file} cannot be read: ${code}`);
  }
}
