/** First in, first out, without moving what remains: `shift` of an array is linear. */
export interface Queue<T> {
  readonly length: number;
  push(item: T): void;
  shift(): T | undefined;
  peek(): T | undefined;
  /** Removes and returns what matches, in order. */
  extract(matches: (item: T) => boolean): T[];
}

/** Items consumed at the front before the backing array is cut. */
const compactAbove = 256;

export function createQueue<T>(): Queue<T> {
  let items: (T | undefined)[] = [];
  let head = 0;
  return {
    get length() {
      return items.length - head;
    },
    push(item) {
      items.push(item);
    },
    shift() {
      if (head === items.length) return undefined;
      const item = items[head];
      items[head] = undefined;
      head += 1;
      if (head === items.length) {
        items = [];
        head = 0;
      } else if (head > compactAbove && head * 2 > items.length) {
        items = items.slice(head);
        head = 0;
      }
      return item;
    },
    peek: () => items[head],
    extract(matches) {
      const taken: T[] = [];
      const kept: T[] = [];
      for (const item of items.slice(head) as T[]) (matches(item) ? taken : kept).push(item);
      if (taken.length > 0) {
        items = kept;
        head = 0;
      }
      return taken;
    },
  };
}
