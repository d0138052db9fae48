/** Numbers as people read them. Pure, for tables, docs and messages. */

const sizes = ["B", "kB", "MB", "GB", "TB"] as const;

/** `1.4 GB`: powers of 1,000, as disks are sold. */
export function bytesInWords(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < sizes.length - 1) {
    value /= 1_000;
    unit += 1;
  }
  return `${value >= 10 || unit === 0 ? Math.round(value) : value.toFixed(1)} ${sizes[unit]}`;
}

/** `7 days`, `3 h`, `250 ms`: the largest unit that divides it; null is `for ever`. */
export function durationInWords(ms: number | null): string {
  if (ms === null) return "for ever";
  for (const [name, size] of [
    ["day", 86_400_000],
    ["h", 3_600_000],
    ["min", 60_000],
    ["s", 1_000],
  ] as const) {
    if (ms < size || ms % size !== 0) continue;
    const count = ms / size;
    return name === "day" ? `${count} day${count === 1 ? "" : "s"}` : `${count} ${name}`;
  }
  return `${ms} ms`;
}
