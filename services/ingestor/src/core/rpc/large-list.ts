/** A list that is too long to be in memory as objects: its items, some at a time. It can be read once. */
export type LargeList = AsyncGenerator<readonly unknown[], void, undefined>;

export function isLargeList(value: unknown): value is LargeList {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}

/** Lets go of a list that nobody will read: the answer's connection waits for its reader. */
export async function discard(list: LargeList): Promise<void> {
  try {
    // A generator that was never started would not clean up.
    await list.next();
    await list.return();
  } catch {
    // It broke before anybody wanted it.
  }
}

/** All items of a list at once, for those who need them together. */
export async function gather(answer: unknown): Promise<unknown> {
  if (!isLargeList(answer)) return answer;
  const items: unknown[] = [];
  for await (const some of answer) items.push(...some);
  return items;
}
