/** A map of at most so many entries: those that nobody used for longest make room. */
export interface RecentMap<V extends {} | null> {
  /** `undefined` when it is not there, or no longer. */
  get(key: string): V | undefined;
  set(key: string, value: V): void;
  keys(): ReadonlySet<string>;
}

/**
 * In two generations, so that a use costs one look-up and moves nothing: half the entries came or were used since the other half; when
 * the younger one is full, the older one goes. It holds at least the last `entriesMax` / 2 that were used.
 */
export function createRecentMap<V extends {} | null>(entriesMax: number): RecentMap<V> {
  let young = new Map<string, V>();
  let old: ReadonlyMap<string, V> = new Map();

  function set(key: string, value: V): void {
    if (young.size >= entriesMax / 2 && !young.has(key)) {
      old = young;
      young = new Map();
    }
    young.set(key, value);
  }

  return {
    get(key) {
      const value = young.get(key);
      if (value !== undefined) return value;
      const kept = old.get(key);
      if (kept !== undefined) set(key, kept);
      return kept;
    },
    set,
    keys: () => new Set([...young.keys(), ...old.keys()]),
  };
}
