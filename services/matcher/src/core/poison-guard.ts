/**
 * Notices when nearly everything of a partition is unreadable: then the fault is not in the records, and dead-lettering
 * them all would only move the damage.
 */
export interface PoisonGuard {
  /** Notes a record; true when the partition must stop before this one is dead-lettered. */
  note(readable: boolean): boolean;
}

const windowRecords = 100;
/** Fewer bad records than this are dead-lettered whatever their share: a burst of garbage is no broken codec. */
const badMin = 50;
const badShareMax = 0.9;

export function createPoisonGuard(): PoisonGuard {
  /** The last records in a ring: 1 for a bad one. */
  const window = new Uint8Array(windowRecords);
  let noted = 0;
  let bad = 0;
  return {
    note(readable) {
      const at = noted % windowRecords;
      noted += 1;
      bad += (readable ? 0 : 1) - (window[at] ?? 0);
      window[at] = readable ? 0 : 1;
      return !readable && bad >= badMin && bad / Math.min(noted, windowRecords) >= badShareMax;
    },
  };
}
