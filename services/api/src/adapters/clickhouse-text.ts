/** A DateTime column to the millisecond, as every time of the API; the client asks for times as RFC 3339. */
export function instant(column: string): string {
  return `toDateTime64(${column}, 3, 'UTC')`;
}

/** Lower-case `0x` text of a column of bytes. */
export function hexText(column: string): string {
  return `concat('0x', lower(hex(${column})))`;
}

/** The same from the text that `hex` makes: a statement with fewer functions is planned sooner. */
export function prefixed(hex: string): string {
  return `0x${hex.toLowerCase()}`;
}
