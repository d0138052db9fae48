/** What this process knows of an endpoint's parked deliveries: enough to ask Postgres only when there is something to do. */
interface Waiting {
  rows: number;
  nextDueMs: number;
}

/** Which endpoints to release from, and how much. */
export interface ReleasePlan {
  /** Replaces everything with what the store says. */
  reset(
    backlogs: readonly { readonly endpointId: string; readonly rows: number; readonly nextDueMs: number }[],
  ): void;
  /** @param isNew false when a row that was there already was replaced. */
  parked(endpointId: string, dueAtMs: number, isNew: boolean): void;
  /** Its rows changed behind our back: the store is asked at once. */
  hasten(endpointId: string, nowMs: number): void;
  /** Due and able to take something, at most `endpointsMax` of them, in turn. */
  due(nowMs: number, room: (endpointId: string) => number): { endpointId: string; rowsMax: number }[];
  /** After a release. @param nextDueMs of what is left; null when nothing is. */
  released(endpointId: string, rows: number, nextDueMs: number | null): void;
  rowsOf(endpointId: string): number;
  readonly rows: number;
}

const endpointsMax = 200;
/** Rows of all endpoints in one transaction. */
const rowsMax = 500;

export function createReleasePlan(): ReleasePlan {
  const waiting = new Map<string, Waiting>();
  return {
    reset(backlogs) {
      waiting.clear();
      for (const { endpointId, rows, nextDueMs } of backlogs) waiting.set(endpointId, { rows, nextDueMs });
    },
    parked(endpointId, dueAtMs, isNew) {
      const entry = waiting.get(endpointId);
      if (entry === undefined) {
        waiting.set(endpointId, { rows: 1, nextDueMs: dueAtMs });
        return;
      }
      if (isNew) entry.rows += 1;
      entry.nextDueMs = Math.min(entry.nextDueMs, dueAtMs);
    },
    hasten(endpointId, nowMs) {
      const entry = waiting.get(endpointId);
      if (entry !== undefined) entry.nextDueMs = Math.min(entry.nextDueMs, nowMs);
    },
    due(nowMs, room) {
      const requests: { endpointId: string; rowsMax: number }[] = [];
      let left = rowsMax;
      for (const [endpointId, entry] of waiting) {
        if (entry.nextDueMs > nowMs) continue;
        const places = Math.min(room(endpointId), left);
        if (places <= 0) continue;
        requests.push({ endpointId, rowsMax: places });
        left -= places;
        if (left <= 0 || requests.length >= endpointsMax) break;
      }
      // Who was served goes to the end, so that one large backlog does not come first for ever.
      for (const { endpointId } of requests) {
        const entry = waiting.get(endpointId);
        waiting.delete(endpointId);
        if (entry !== undefined) waiting.set(endpointId, entry);
      }
      return requests;
    },
    released(endpointId, rows, nextDueMs) {
      const entry = waiting.get(endpointId);
      if (entry === undefined) return;
      entry.rows = Math.max(1, entry.rows - rows);
      if (nextDueMs === null) waiting.delete(endpointId);
      else entry.nextDueMs = nextDueMs;
    },
    rowsOf: (endpointId) => waiting.get(endpointId)?.rows ?? 0,
    get rows() {
      let sum = 0;
      for (const entry of waiting.values()) sum += entry.rows;
      return sum;
    },
  };
}
