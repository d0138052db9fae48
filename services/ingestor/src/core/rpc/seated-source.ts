import type { VerifiedBlock } from "../model.ts";
import type { BlockSource } from "../ports.ts";
import { RpcError } from "./rpc-error.ts";

/**
 * The same source until the seat is lost; from then on every question is refused, so that a long back-fill ends with the
 * block at which it stands.
 */
export function whileSeated(source: BlockSource, seat: AbortSignal, chain: string): BlockSource {
  function check(): void {
    if (seat.aborted) throw new RpcError("network", `${chain}: the seat is lost`);
  }
  async function* range(fromNumber: number, toNumber: number): AsyncGenerator<VerifiedBlock> {
    check();
    for await (const block of source.range(fromNumber, toNumber)) {
      check();
      yield block;
    }
  }
  const asked =
    <A extends unknown[], R>(method: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      check();
      return method(...args);
    };
  return {
    latest: asked(source.latest),
    headerByHash: asked(source.headerByHash),
    block: asked(source.block),
    finalized: asked(source.finalized),
    range,
  };
}
