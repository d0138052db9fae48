import type { Proof } from "@ethhook/schemas";
import type { Header, VerifiedBlock, BlockRef } from "../model.ts";
import type { KnownOfBlock } from "../ports.ts";
import { isEmptyBloom } from "../proof/bloom.ts";
import type { ChainChecks, CheckName, SwitchedCheck } from "../proof/checks.ts";
import { headerHashOf } from "../proof/header-hash.ts";
import { receiptsRootOf } from "../proof/receipts-root.ts";
import { logsOfReceipts, verifyLogs, verifyParsed, type Verdict } from "../proof/verify.ts";
import { packLargeList, type PackedLogs } from "../proof/pack-large-list.ts";
import { gather, isLargeList } from "./large-list.ts";
import type { Request } from "./provider-pool.ts";
import { RpcError } from "./rpc-error.ts";
import { parseHeader } from "./rpc-parse.ts";

/**
 * `passed` and `failed` decide; `observed` is a failure that changed nothing. `admitted`: of a failure at every provider,
 * that its block is published nevertheless.
 */
export type CheckOutcome = "passed" | "failed" | "observed" | "admitted";

export interface BlockReaderDeps {
  readonly checks: ChainChecks;
  /** How complete a block must be proven to be published. */
  readonly proof: "bloom" | "receipts";
  readonly onCheck: (provider: string, check: CheckName, outcome: CheckOutcome) => void;
}

/** Reads one block from one provider and proves it, or refuses what the provider said. */
export interface BlockReader {
  /**
   * A header as a provider sent it, held to its hash where the chain asks for that; doubted where it may be the chain's quirk
   * that it fails.
   * @param asked names the block in errors; a hash must be the header's.
   * @throws RpcError `unknown-block` for null, `malformed` for what is no block, `unverified` for another one.
   */
  header(raw: unknown, provider: string, asked: string): Header;
  /**
   * @throws RpcError `unverified` if the provider's answers do not prove to be the whole block.
   * @throws DoubtedHeader an `unverified`, if its header is doubted. One in `known` is taken as it is.
   */
  read(request: Request, provider: string, ref: BlockRef, known: KnownOfBlock): Promise<VerifiedBlock>;
  /** Whether `prove` can succeed at all. */
  readonly canProveByLogs: boolean;
  /** The block, if these logs alone prove to be all of it; null if it must be read by its hash. */
  prove(provider: string, header: Header, rawLogs: readonly unknown[]): VerifiedBlock | null;
  /** Counts that a doubted header of this provider is taken: all say the same. */
  admit(provider: string): void;
}

export function createBlockReader({ checks, proof, onCheck }: BlockReaderDeps): BlockReader {
  const { modes } = checks;

  async function read(
    request: Request,
    provider: string,
    ref: BlockRef,
    known: KnownOfBlock,
  ): Promise<VerifiedBlock> {
    const says = createWitness(provider, ref);
    // First, because its answer is short: it is checked while the logs are still coming.
    const body = known.header ? undefined : request("eth_getBlockByHash", [ref.hash, false]);
    const early = proof === "bloom" ? askEarly(request, ref, known) : undefined;
    const own = known.header ?? undoubted(header(await body, provider, ref.hash), provider);
    // A bloom without a bit proves that there is no log, if blooms prove anything on this chain.
    if (modes.bloom === "enforce" && !own.isDoubted && isEmptyBloom(own.logsBloom))
      return { header: own, logs: [], proof: "bloom" };
    if (proof === "receipts") return fromReceipts(request, says, own);
    const verdict = verdictOn(own, await (early ?? askLogs(request, ref)));
    if (says.accepts(verdict)) return { header: own, logs: verdict.logs, proof: levelOf(own, verdict) };
    // The logs are not all there; the same provider's receipts may be.
    try {
      return await fromReceipts(request, says, own);
    } catch (error) {
      if (!(error instanceof RpcError) || error.failure === "unverified") throw error;
      return says.refuses("receipts", `it does not serve them (${error.message})`);
    }
  }

  function verdictOn(header: Header, answer: LogsAnswer): Verdict {
    const computeBloom = modes.bloom !== "off";
    if (Array.isArray(answer)) return verifyLogs(header, answer, computeBloom);
    return answer.ok ? verifyParsed(header, answer.packed, computeBloom) : answer;
  }

  /** Logs are asked for together with the header, unless the announced bloom says that there are none. */
  function askEarly(request: Request, ref: BlockRef, known: KnownOfBlock): Promise<LogsAnswer> | undefined {
    const hint = known.header?.logsBloom ?? known.bloomHint;
    if (modes.bloom === "enforce" && hint !== undefined && isEmptyBloom(hint)) return undefined;
    const asked = askLogs(request, ref);
    // If the header fails first, nobody awaits the logs.
    asked.catch(() => undefined);
    return asked;
  }

  function header(raw: unknown, provider: string, asked: string): Header {
    if (raw === null || raw === undefined) throw new RpcError("unknown-block", `no block ${asked}`);
    const parsed = parseHeader(raw);
    if (!parsed.ok) throw new RpcError("malformed", parsed.reason);
    const { value } = parsed;
    const says = createWitness(provider, value);
    if (asked.startsWith("0x") && value.hash !== asked)
      says.refuses("belongs", `asked for ${asked}, got ${value.hash}`);
    if (modes["header-hash"] === "off") return value;
    const fields = raw as Readonly<Record<string, unknown>>;
    const isGood = says.switched("header-hash", headerHashOf(fields) === value.hash);
    if (isGood) return value;
    if (modes["header-hash"] === "proven") return { ...value, isDoubted: true };
    return says.refuses("header-hash", notItsHash);
  }

  async function fromReceipts(request: Request, says: Witness, header: Header): Promise<VerifiedBlock> {
    const raw = await gather(await request("eth_getBlockReceipts", [header.hash]));
    const found = logsOfReceipts(header, raw);
    if (!found.ok) return says.refuses(found.check, found.reason);
    const verdict = verifyLogs(header, found.logs, modes.bloom !== "off");
    if (!says.accepts(verdict)) return says.refuses("receipts", "its receipts do not prove the block either");
    const level = levelOf(header, verdict);
    if (modes["receipts-root"] === "off") return { header, logs: verdict.logs, proof: level };
    const holds = (await receiptsRootOf(raw as readonly unknown[])) === header.receiptsRoot;
    if (!says.switched("receipts-root", holds))
      return says.refuses("receipts-root", "the root of its receipts is not the header's");
    return { header, logs: verdict.logs, proof: holds && !header.isDoubted ? "receipts" : level };
  }

  interface Witness {
    /** Counts the verdict; false if the block may not be published on it. */
    accepts(verdict: Verdict): verdict is Extract<Verdict, { ok: true }>;
    /** Counts the outcome of a switched check; false if it failed and is enforced. */
    switched(check: SwitchedCheck, holds: boolean): boolean;
    /** @throws RpcError `unverified` */
    refuses(check: CheckName, reason: string): never;
  }

  function decides(check: SwitchedCheck): boolean {
    return modes[check] === "enforce" || modes[check] === "proven";
  }

  function createWitness(provider: string, ref: BlockRef): Witness {
    function switched(check: SwitchedCheck, holds: boolean, isDecisive = decides(check)): boolean {
      if (modes[check] === "off") return true;
      onCheck(provider, check, holds ? "passed" : isDecisive ? "failed" : "observed");
      return holds || !isDecisive;
    }
    return {
      switched,
      accepts(verdict): verdict is Extract<Verdict, { ok: true }> {
        if (verdict.ok)
          return switched("bloom", verdict.bloom === "holds", decides("bloom") || verdict.bloom === "lacks");
        onCheck(provider, verdict.check, "failed");
        return false;
      },
      refuses(check, reason) {
        if (check !== "header-hash" && check !== "receipts-root") onCheck(provider, check, "failed");
        throw new RpcError("unverified", `block ${ref.number} from ${provider} fails ${check}: ${reason}`);
      },
    };
  }

  return {
    header,
    read,
    canProveByLogs: proof === "bloom",
    prove(provider, header, rawLogs) {
      if (header.isDoubted) return null;
      const verdict = verifyLogs(header, rawLogs, modes.bloom !== "off");
      if (!createWitness(provider, header).accepts(verdict)) return null;
      // A range may leave out a block, or be of another fork: without a bloom that holds, only the block's own logs will do.
      const isWhole = modes.bloom === "off" ? verdict.logs.length > 0 : verdict.bloom === "holds";
      return isWhole ? { header, logs: verdict.logs, proof: levelOf(header, verdict) } : null;
    },
    admit: (provider) => onCheck(provider, "header-hash", "admitted"),
  };
}

/** A header that does not hash to its hash, before it is known whether that is the chain's quirk or the provider's lie. */
export class DoubtedHeader extends RpcError {
  readonly header: Header;

  constructor(header: Header, provider: string) {
    super("unverified", `block ${header.number} from ${provider} fails header-hash: ${notItsHash}`);
    this.header = header;
  }
}

/** @throws DoubtedHeader */
export function undoubted(header: Header, provider: string): Header {
  if (header.isDoubted) throw new DoubtedHeader(header, provider);
  return header;
}

const notItsHash = "the header does not hash to its hash";

/** Logs are proven by a bloom no better than that is by its header. */
function levelOf(header: Header, { bloom }: Extract<Verdict, { ok: true }>): Proof {
  return bloom === "holds" && !header.isDoubted ? "bloom" : "none";
}

type LogsAnswer = unknown[] | PackedLogs;

async function askLogs(request: Request, ref: BlockRef): Promise<LogsAnswer> {
  const answer = await request("eth_getLogs", [{ blockHash: ref.hash }]);
  if (isLargeList(answer)) return packLargeList(ref, answer);
  return Array.isArray(answer)
    ? (answer as unknown[])
    : { ok: false, check: "shape", reason: "the answer is not a list of logs" };
}
