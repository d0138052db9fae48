const quietMs = 10_000;
const messagesMax = 100;

/**
 * Says the same thing at most once in 10 s: a broker that is away for an hour must not fill the log.
 * @returns whether to say it now, and how often it was kept back since.
 */
export function createLogOnce(now: () => number): (message: string) => { say: boolean; keptBack: number } {
  const said = new Map<string, { atMs: number; keptBack: number }>();
  return (message) => {
    const before = said.get(message);
    if (before && now() - before.atMs < quietMs) {
      before.keptBack += 1;
      return { say: false, keptBack: before.keptBack };
    }
    if (said.size >= messagesMax) said.clear();
    said.set(message, { atMs: now(), keptBack: 0 });
    return { say: true, keptBack: before?.keptBack ?? 0 };
  };
}
