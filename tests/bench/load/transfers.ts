const transferTopic = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef";

/** `value` as 32 bytes in lower-case `0x` text. */
export const word = (value: number): string => `0x${value.toString(16).padStart(64, "0")}`;

/** The n-th ERC-20 transfer of a block, of one of `addresses`, so that all of them come up equally often. */
export function transferOf(block: number, index: number, addresses: readonly string[]) {
  return {
    address: addresses[(block * 7 + index) % addresses.length] ?? "",
    topics: [transferTopic, word(block + 1), word(index + 1)],
    data: word(block * 1_000_000),
  };
}

/** The contracts of the n-th endpoint: no two endpoints share one. */
export const contractsOf = (endpoint: number, count: number): string[] =>
  Array.from(
    { length: count },
    (_, index) => `0xc0ffee${(endpoint * count + index + 1).toString(16).padStart(34, "0")}`,
  );
