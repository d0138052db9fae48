import { dryRunLogsMax, type VerdictResource } from "@ethhook/schemas/api";
import {
  compileFilter,
  evaluate,
  parseFilter,
  type CompiledFilter,
  type FilterContext,
  type Verdict,
} from "@ethhook/schemas/filter";
import { answer, refuse } from "./answer.ts";
import type { FilterChecker } from "./filter.ts";
import type { Handlers } from "./operations.ts";
import type { AddressListStore, LogHistory, PastLog } from "./ports.ts";

type FilterHandlers = Pick<Handlers, "dryRunFilter" | "explainFilter">;

export interface DryRunPorts {
  readonly logs: LogHistory;
  readonly lists: Pick<AddressListStore, "among">;
  readonly check: FilterChecker;
  readonly chains: NonNullable<FilterContext["chains"]>;
  /** Unix milliseconds. */
  readonly now: () => number;
}

const hourMs = 3_600_000;

/** What a filter would have done, by the code that the matcher runs. */
export function createDryRuns(ports: DryRunPorts): FilterHandlers {
  const { logs, now } = ports;

  /** Evaluates logs in their order, with the user's own lists. */
  async function evaluateAll(
    userId: string,
    compiled: CompiledFilter,
    found: readonly PastLog[],
  ): Promise<readonly Verdict[]> {
    const { addresses } = compiled.filter;
    const contracts = new Set(found.map(({ address }) => address));
    const listed =
      addresses?.kind === "list"
        ? new Set(await ports.lists.among(userId, addresses.name, [...contracts]))
        : undefined;
    return found.map((log) => evaluate(compiled, log, (_list, address) => listed?.has(address) ?? false));
  }

  function compile(filter: unknown): CompiledFilter {
    const parsed = parseFilter(filter, { chains: ports.chains });
    if (!parsed.ok) throw new Error("a filter was checked and cannot be read");
    return compileFilter(parsed.filter);
  }

  return {
    async dryRunFilter({ body }, { userId }) {
      const checked = await ports.check(userId, body.filter);
      if (!checked.ok) return checked;
      const compiled = compile(body.filter);
      const untilMs = body.until === undefined ? now() : Date.parse(body.until);
      const sinceMs = body.since === undefined ? untilMs - hourMs : Date.parse(body.since);
      const found = await logs.candidates(compiled, { sinceMs, untilMs }, dryRunLogsMax + 1);
      const evaluated = found.slice(0, dryRunLogsMax);
      const verdicts = await evaluateAll(userId, compiled, evaluated);
      const matches = evaluated.flatMap((log, at) => {
        const verdict = verdicts[at];
        return verdict?.matched ? [{ ...placeOf(log), why: verdict.clause, event: verdict.event }] : [];
      });
      return answer({
        since: new Date(sinceMs).toISOString(),
        until: new Date(untilMs).toISOString(),
        evaluated: evaluated.length,
        matched: matches.length,
        truncated: found.length > evaluated.length,
        examples: matches.slice(0, body.examples),
      });
    },

    async explainFilter({ body: { filter, chainId, transactionHash } }, { userId }) {
      const checked = await ports.check(userId, filter);
      if (!checked.ok) return checked;
      const found = await logs.ofTransaction(chainId, transactionHash);
      if (found.length === 0) {
        return refuse("NOT_FOUND", `No log of ${transactionHash} on chain ${chainId} was seen.`);
      }
      const verdicts = await evaluateAll(userId, compile(filter), found);
      return answer({
        verdicts: found.flatMap((log, at) => {
          const verdict = verdicts[at];
          return verdict === undefined ? [] : [explained(log, verdict)];
        }),
      });
    },
  };
}

function explained(log: PastLog, verdict: Verdict): VerdictResource {
  const reason = verdict.matched ? verdict.clause : verdict.reason;
  const event = verdict.matched ? verdict.event : null;
  return { ...placeOf(log), matched: verdict.matched, reason, event };
}

function placeOf({ chainId, blockNumber, blockTime, transactionHash, logIndex, address }: PastLog) {
  return { chainId, blockNumber, blockTime, transactionHash, logIndex, address };
}
