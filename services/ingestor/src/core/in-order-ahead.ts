/**
 * Results in the order of `items`, with at most `ahead` of them under way or waiting to be taken.
 * The first rejection ends the iteration; what was begun behind it is awaited by nobody and its outcome is dropped.
 */
export async function* inOrderAhead<I, T>(
  items: Iterable<I>,
  ahead: number,
  fetch: (item: I) => Promise<T>,
): AsyncGenerator<T, void, undefined> {
  const underWay: Promise<T>[] = [];
  const source = items[Symbol.iterator]();
  const begin = () => {
    const next = source.next();
    if (next.done) return;
    const promise = fetch(next.value);
    // A rejection is handled when its turn comes; without this it would count as unhandled until then.
    promise.catch(() => undefined);
    underWay.push(promise);
  };
  for (let n = 0; n < ahead; n++) begin();
  for (let first = underWay.shift(); first; first = underWay.shift()) {
    const value = await first;
    begin();
    yield value;
  }
}
