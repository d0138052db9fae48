/**
 * Resolves with the first answer of `probe` that `accepts`, asked again and again.
 * @throws Error with the last answer when none is accepted within `deadlineMs`.
 */
export async function until<T>(
  what: string,
  probe: () => T | Promise<T>,
  accepts: (answer: T) => boolean,
  deadlineMs = 30_000,
): Promise<T> {
  const end = Date.now() + deadlineMs;
  for (;;) {
    const answer = await probe();
    if (accepts(answer)) return answer;
    if (Date.now() > end)
      throw new Error(`${what}: not within ${deadlineMs} ms; last: ${JSON.stringify(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
