/** Remembers ids, the oldest forgotten first. */
export interface RecentIds {
  /** True the first time, false for an id that is still remembered. */
  isNew(id: string): boolean;
}

/**
 * A webhook stands twice in its topic when a matcher died between writing and committing: close together, so remembering
 * the newest `max` of them is enough.
 */
export function createRecentIds(max = 200_000): RecentIds {
  const ids = new Set<string>();
  return {
    isNew(id) {
      if (ids.has(id)) return false;
      ids.add(id);
      if (ids.size > max) {
        const [oldest] = ids;
        if (oldest !== undefined) ids.delete(oldest);
      }
      return true;
    },
  };
}
