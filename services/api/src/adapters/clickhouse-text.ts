/** RFC 3339 of a DateTime column. */
export function instantText(column: string): string {
  return `formatDateTime(${column}, '%Y-%m-%dT%H:%i:%S.000Z', 'UTC')`;
}

/** RFC 3339 of a DateTime64(3) column, to the millisecond. */
export function instantMsText(column: string): string {
  const ms = `leftPad(toString(toUnixTimestamp64Milli(${column}) % 1000), 3, '0')`;
  return `concat(formatDateTime(${column}, '%Y-%m-%dT%H:%i:%S', 'UTC'), '.', ${ms}, 'Z')`;
}

/** Lower-case `0x` text of a column of bytes. */
export function hexText(column: string): string {
  return `concat('0x', lower(hex(${column})))`;
}
