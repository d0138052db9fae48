import { PipelineError } from "@ethhook/schemas";
import type { Topology } from "@ethhook/topology";
import { parsePosition, type Position } from "./position.ts";
import type { ReplayRequest, ReplayStatus } from "./request.ts";

/** The command's options as they were typed. */
export interface ReplayFlags {
  readonly topic: string;
  readonly from: string;
  readonly to: string;
  readonly partition?: number;
  readonly endpoint?: string;
  readonly user?: string;
  readonly contract?: string;
  readonly chain?: string;
  readonly status?: ReplayStatus;
  readonly matchAgain?: true;
  readonly rate: string;
  readonly lead: number;
  readonly dryRun?: true;
  readonly json?: true;
}

/**
 * The request that the options mean.
 * @throws PipelineError `REPLAY_REFUSED` with every problem together.
 */
export function toRequest(flags: ReplayFlags, topology: Topology, nowMs: number): ReplayRequest {
  const problems: string[] = [];
  const chain = topology.chains.find(({ name }) => name === flags.chain);
  if (flags.chain !== undefined && chain === undefined) {
    problems.push(`--chain ${flags.chain}: known are ${topology.chains.map(({ name }) => name).join(", ")}`);
  }
  const contract = flags.contract?.toLowerCase() ?? null;
  if (contract !== null && !/^0x[0-9a-f]{40}$/.test(contract)) {
    problems.push(`--contract ${flags.contract}: expected 0x and 40 hex digits`);
  }
  const source = topology.logs.all.find(({ name }) => name === flags.topic);
  if (source === undefined && flags.topic !== topology.deliveries.name) {
    const logs = topology.logs.all.map(({ name }) => name).join(", ");
    problems.push(
      `--topic ${flags.topic}: expected deliveries, ${logs}. deliveries.replay is never read: it is what a replay writes`,
    );
  }
  if (flags.matchAgain && flags.endpoint === undefined) {
    problems.push("--match-again: say for which endpoint, with --endpoint");
  }
  const ofTopic = topology.chains.find(({ id }) => topology.logs.of(id).name === flags.topic);
  if (chain !== undefined && ofTopic !== undefined && ofTopic !== chain) {
    problems.push(`--topic ${flags.topic} has no logs of --chain ${chain.name}`);
  }
  const request = {
    topic: flags.topic,
    from: position(flags.from, "--from", nowMs, problems),
    to: position(flags.to, "--to", nowMs, problems),
    partition: flags.partition ?? null,
    endpointId: flags.endpoint ?? null,
    userId: flags.user ?? null,
    chainId: (chain ?? ofTopic)?.id ?? null,
    contract,
    status: flags.status ?? null,
    matchAgain: flags.matchAgain ?? false,
    ratePerSecond: rate(flags.rate, problems),
    leadMax: flags.lead,
  };
  if (problems.length === 0) return request;
  throw new PipelineError("REPLAY_REFUSED", "crash", problems.join("\n"));
}

function position(text: string, option: string, nowMs: number, problems: string[]): Position {
  try {
    return parsePosition(text, nowMs);
  } catch (error) {
    problems.push(`${option}: ${error instanceof Error ? error.message : String(error)}`);
    return { kind: "begin" };
  }
}

function rate(text: string, problems: string[]): number | null {
  if (text === "max") return null;
  const perSecond = Number(/^(\d+(?:\.\d+)?)(?:\/s)?$/.exec(text)?.[1]);
  if (!(perSecond > 0)) problems.push(`--rate ${text}: expected 200/s, or max`);
  return perSecond;
}
