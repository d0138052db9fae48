import { readFileSync } from "node:fs";

const folder = new URL("../../../../tests/fixtures/blocks/", import.meta.url);

/** A recorded block as a node serves it. */
export interface Recorded {
  readonly block: Readonly<Record<string, unknown>> & {
    readonly hash: string;
    readonly receiptsRoot: string;
  };
  readonly receipts: readonly { readonly logs: readonly Readonly<Record<string, unknown>>[] }[];
  readonly logs: readonly Readonly<Record<string, unknown>>[];
}

/** @param name `ethereum-18000000` */
export function readRecorded(name: string): Recorded {
  const read = (part: string): unknown =>
    JSON.parse(readFileSync(new URL(`${name}.${part}.json`, folder), "utf8"));
  const receipts = read("receipts") as Recorded["receipts"];
  return {
    block: read("block") as Recorded["block"],
    receipts,
    logs: receipts.flatMap((receipt) => receipt.logs),
  };
}

export const recordedNames = [
  "ethereum-1000000",
  "ethereum-18000000",
  "arbitrum-150000000",
  "polygon-50000000",
] as const;
