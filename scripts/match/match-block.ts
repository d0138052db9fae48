import { createPayloadWriter, type Finality, type Log } from "@ethhook/schemas";
import { compileFilter, evaluate, type Filter } from "@ethhook/schemas/filter";

export interface MatchBlockInput {
  readonly filter: Filter;
  readonly block: readonly Log[];
  /** Lower-case name. */
  readonly chain: string;
  readonly finality: Finality;
  readonly lists: ReadonlyMap<string, ReadonlySet<string>>;
}

export interface MatchReport {
  readonly chain: string;
  /** Null for a block without logs. */
  readonly number: number | null;
  readonly logs: number;
  readonly matches: readonly {
    readonly logIndex: number;
    readonly address: string;
    readonly transactionHash: string;
    readonly why: string;
    readonly payload: unknown;
  }[];
  /** Why logs did not match, the most frequent first; values that differ from log to log are shown as `…`. */
  readonly reasons: readonly { readonly reason: string; readonly example: string; readonly logs: number }[];
}

/** An endpoint's id in a payload that is not sent. */
const noEndpoint = "ep_000000000000000000000000";

/** Evaluates a filter on each log of a block, as the matcher would. */
export function matchBlock({ filter, block, chain, finality, lists }: MatchBlockInput): MatchReport {
  const compiled = compileFilter(filter);
  const matches: MatchReport["matches"][number][] = [];
  const reasons = new Map<string, { example: string; logs: number }>();
  for (const log of block) {
    const verdict = evaluate(compiled, log, (list, address) => lists.get(list)?.has(address) ?? false);
    if (verdict.matched) {
      const parts = {
        endpointId: noEndpoint,
        event: verdict.event,
        filter: { version: 0, why: verdict.clause },
      };
      const payload: unknown = JSON.parse(createPayloadWriter(log, chain, finality).standard(parts));
      const { logIndex, address, transactionHash } = log;
      matches.push({ logIndex, address, transactionHash, why: verdict.clause, payload });
      continue;
    }
    const reason = verdict.reason.replaceAll(
      /\b(is|contract|topic \d is) (0x[0-9a-f]*|\d+|"[^"]*")/g,
      "$1 …",
    );
    const known = reasons.get(reason);
    if (known === undefined) reasons.set(reason, { example: verdict.reason, logs: 1 });
    else known.logs += 1;
  }
  return {
    chain,
    number: block[0]?.blockNumber ?? null,
    logs: block.length,
    matches,
    reasons: [...reasons]
      .map(([reason, found]) => ({ reason, ...found }))
      .toSorted((a, b) => b.logs - a.logs),
  };
}
