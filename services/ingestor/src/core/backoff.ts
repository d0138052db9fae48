/**
 * 1, 2, 4 … 60 s by default, each between half of it and all of it: many processes that lost the same server do not
 * come back together.
 * @param failures in a row, 1-based.
 * @param random uniform in [0, 1).
 */
export function backoffMs(failures: number, random: number, firstMs = 1_000, lastMs = 60_000): number {
  const fullMs = Math.min(lastMs, firstMs * 2 ** Math.min(30, failures - 1));
  return fullMs * (0.5 + random / 2);
}
