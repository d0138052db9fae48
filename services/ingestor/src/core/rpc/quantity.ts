/** A number as JSON-RPC writes it. */
export function toQuantity(number: number): string {
  return `0x${number.toString(16)}`;
}
