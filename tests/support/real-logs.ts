import type { Log } from "@ethhook/schemas";
import { readRecordedBlock } from "./recorded-blocks.ts";

/** The recorded blocks, with the id of their chain. */
export const realBlocks = [
  { chain: "ethereum", number: 18_000_000, chainId: 1 },
  { chain: "ethereum", number: 1_000_000, chainId: 1 },
  { chain: "polygon", number: 50_000_000, chainId: 137 },
  { chain: "arbitrum", number: 150_000_000, chainId: 42_161 },
] as const;

/** Every log of a recorded block, as the ingestor would publish it under `sequence`. */
export async function realLogs(
  { chain, number, chainId }: (typeof realBlocks)[number],
  sequence = 1,
): Promise<Log[]> {
  const { block, receipts } = await readRecordedBlock(chain, number);
  return receipts
    .flatMap((receipt) => receipt.logs)
    .map((log) => ({
      v: 1,
      kind: "new",
      chainId,
      blockNumber: Number(log.blockNumber),
      blockHash: log.blockHash,
      blockTimestamp: Number(block.timestamp),
      transactionHash: log.transactionHash,
      transactionIndex: Number(log.transactionIndex),
      logIndex: Number(log.logIndex),
      address: log.address.toLowerCase(),
      topics: [...log.topics],
      data: log.data,
      sequence,
      addedSequence: sequence,
      proof: "receipts",
      seenAtMs: 0,
    }));
}
