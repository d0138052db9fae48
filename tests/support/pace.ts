/** Calls `each` at a steady pace: load, not waiting. A late call does not delay the next ones. */
export async function atPace(
  everyMs: number,
  times: number,
  each: (n: number) => Promise<void> | void,
): Promise<void> {
  const startedAtMs = Date.now();
  for (let n = 0; n < times; n += 1) {
    const leftMs = startedAtMs + n * everyMs - Date.now();
    if (leftMs > 0) await new Promise((resolve) => setTimeout(resolve, leftMs));
    await each(n);
  }
}
