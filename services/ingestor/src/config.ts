import {
  booleanText,
  type Config,
  integerText,
  kafkaVariables,
  type Variable,
  type Variables,
} from "@ethhook/kit";
import { builtInChains, type Chain, chainsExtra } from "@ethhook/topology";
import { z } from "zod";
import { type CheckMode, checksOf, type SwitchedCheck, switchedChecks } from "./core/proof/checks.ts";

/** One chain's settings. A chain without a URL is not run. */
export interface ChainSettings {
  readonly chain: Chain;
  readonly wsUrls: readonly string[];
  readonly httpUrls: readonly string[];
  /** First block of a new ledger; null: the newest one. */
  readonly startBlock: number | null;
  /** How complete a block must be proven to be published. */
  readonly proof: "bloom" | "receipts";
  /** Changes to the checks that the chain has by itself. */
  readonly checks: Readonly<Partial<Record<SwitchedCheck, CheckMode>>>;
  /** Of each provider; null: no limit. */
  readonly requestsPerSecond: number | null;
  /** Blocks fetched at a time while catching up. */
  readonly fetchAhead: number;
}

/** What a chain has when nothing is set. */
export const chainDefaults = {
  wsUrls: [],
  httpUrls: [],
  startBlock: null,
  proof: "bloom",
  checks: {},
  requestsPerSecond: null,
  fetchAhead: 8,
} as const satisfies Omit<ChainSettings, "chain">;

const chainsVariable = {
  schema: chainsExtra,
  default: "[]",
  help: 'Further EVM chains: a JSON array of {"id","name","blockTimeMs","confirmedDepth","finality","ledgerPartition"}.',
} as const satisfies Variable<readonly Chain[]>;

type Env = Readonly<Record<string, string | undefined>>;

/** `ethereum` → `ETHEREUM`: the prefix of a chain's variables. */
export function prefixOf(chain: Pick<Chain, "name">): string {
  return chain.name.toUpperCase().replaceAll("-", "_");
}

/**
 * The variables of the ingestor. Which ones there are depends on CHAINS_EXTRA and on the flag for plain connections,
 * so it takes the environment; every value is still checked by `loadConfig`, all together.
 */
export function ingestorVariables(env: Env) {
  const chains = chainsVariable.schema.safeParse(env["CHAINS_EXTRA"] || "[]").data ?? builtInChains;
  const insecure = booleanText.safeParse(env["ALLOW_INSECURE_RPC"] || "false").data ?? false;
  const perChain: Record<string, Variable<unknown>> = {};
  for (const chain of chains) {
    const checks = checksText.safeParse(env[`${prefixOf(chain)}_CHECKS`] || "").data ?? {};
    Object.assign(perChain, variablesOf(chain, insecure, checks));
  }
  return {
    ...kafkaVariables,
    CHAINS_EXTRA: chainsVariable,
    ALLOW_INSECURE_RPC: {
      schema: booleanText,
      default: "false",
      help: "true permits ws:// and http:// to hosts other than this machine: anyone between can forge logs.",
    },
    ...perChain,
  } as const satisfies Variables;
}

function variablesOf(chain: Chain, insecure: boolean, checks: ChainSettings["checks"]) {
  const prefix = prefixOf(chain);
  return {
    [`${prefix}_WS_URL`]: {
      schema: urlList(["ws:", "wss:"], insecure),
      default: "",
      help: `WebSocket URLs of ${chain.name} providers, comma-separated. Without any URL the chain is not run.`,
      secret: true,
    },
    [`${prefix}_HTTP_URL`]: {
      schema: urlList(["http:", "https:"], insecure),
      default: "",
      help: `HTTP URLs of ${chain.name} providers, comma-separated: the fallback, and the watchdog of the sockets.`,
      secret: true,
    },
    [`${prefix}_START_BLOCK`]: {
      schema: z
        .string()
        .regex(/^(latest|\d{1,15})$/, "expected a block number, or latest")
        .transform((value) => (value === "latest" ? null : Number(value))),
      default: "latest",
      help: `First block of ${chain.name} to publish; of no meaning once its ledger has begun.`,
    },
    [`${prefix}_PROOF`]: {
      schema: proofText(chain, checks),
      default: "bloom",
      help: `bloom: the logs of ${chain.name} must make up the header's bloom. receipts: their receipts must hash to its receiptsRoot, for which they are in memory together: 850 MB for a block of 150 MB.`,
    },
    [`${prefix}_CHECKS`]: {
      schema: checksText,
      default: "",
      help: `Changes to the checks of ${chain.name}, comma-separated name:mode; ${switchedChecks.join(", ")}; enforce, observe, off, and for header-hash proven: one that fails is published only if every provider sends the same, as proven by nothing.`,
    },
    [`${prefix}_REQUESTS_PER_SECOND`]: {
      schema: z.union([z.literal("unlimited").transform(() => null), integerText({ min: 1, max: 100_000 })]),
      default: "unlimited",
      help: `Most requests a second to each provider of ${chain.name}, or unlimited.`,
    },
    [`${prefix}_FETCH_AHEAD`]: {
      schema: integerText({ min: 1, max: 64 }),
      default: String(chainDefaults.fetchAhead),
      help: `Blocks of ${chain.name} fetched at a time while catching up.`,
    },
  } as const satisfies Variables;
}

/** What `loadConfig` makes of `ingestorVariables`, for each chain. */
export function chainSettings(
  config: Config<ReturnType<typeof ingestorVariables>>,
): readonly ChainSettings[] {
  const values = config as Readonly<Record<string, unknown>>;
  return config.CHAINS_EXTRA.map((chain) => {
    const prefix = prefixOf(chain);
    return {
      chain,
      wsUrls: values[`${prefix}_WS_URL`] as readonly string[],
      httpUrls: values[`${prefix}_HTTP_URL`] as readonly string[],
      startBlock: values[`${prefix}_START_BLOCK`] as number | null,
      proof: values[`${prefix}_PROOF`] as "bloom" | "receipts",
      checks: values[`${prefix}_CHECKS`] as ChainSettings["checks"],
      requestsPerSecond: values[`${prefix}_REQUESTS_PER_SECOND`] as number | null,
      fetchAhead: values[`${prefix}_FETCH_AHEAD`] as number,
    };
  });
}

const modes: readonly CheckMode[] = ["enforce", "proven", "observe", "off"];

/** `bloom:observe,header-hash:enforce`. */
const checksText: z.ZodType<ChainSettings["checks"], string> = z.string().transform((text, context) => {
  const checks: Partial<Record<SwitchedCheck, CheckMode>> = {};
  for (const part of text.split(",").filter((item) => item.trim() !== "")) {
    const [name, mode] = part.split(":").map((item) => item.trim());
    const check = switchedChecks.find((known) => known === name);
    const known = modes.find((one) => one === mode);
    if (check && known && (known !== "proven" || check === "header-hash")) checks[check] = known;
    else context.addIssue({ code: "custom", message: `"${part}" is no check and mode, as in bloom:observe` });
  }
  return checks;
});

/** Receipts prove something only where their root can be recomputed. */
function proofText(
  chain: Chain,
  overrides: ChainSettings["checks"],
): z.ZodType<"bloom" | "receipts", string> {
  const { modes: own, why } = checksOf(chain.id, overrides);
  return z
    .enum(["bloom", "receipts"], "expected bloom or receipts")
    .refine((proof) => proof === "bloom" || own["receipts-root"] === "enforce", {
      error: `receipts-root is not enforced on ${chain.name} (${why["receipts-root"] ?? "by configuration"}); ${prefixOf(chain)}_CHECKS=receipts-root:enforce does`,
    });
}

/** A comma list of URLs. Plain text only to this machine, unless that is allowed on purpose. */
function urlList(schemes: readonly string[], insecure: boolean): z.ZodType<readonly string[], string> {
  return z.string().transform((text, context) => {
    const urls = text
      .split(",")
      .map((part) => part.trim())
      .filter((part) => part !== "");
    for (const [index, url] of urls.entries()) {
      const problem = problemOf(url, schemes, insecure);
      if (problem) context.addIssue({ code: "custom", message: `URL ${index + 1} ${problem}` });
    }
    return urls;
  });
}

function problemOf(url: string, schemes: readonly string[], insecure: boolean): string | undefined {
  const parsed = URL.parse(url);
  if (!parsed || !schemes.includes(parsed.protocol))
    return `must start with ${schemes.map((scheme) => `${scheme}//`).join(" or ")}`;
  const plain = parsed.protocol === "ws:" || parsed.protocol === "http:";
  if (!plain || insecure || isLoopback(parsed.hostname)) return undefined;
  return `is not encrypted: use ${schemes.at(-1)}//, or set ALLOW_INSECURE_RPC=true if the network is yours`;
}

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}
