import { listKey } from "./filter-index.ts";
import type { FilterSet, FilterVersion } from "./filter-set.ts";
import type { FilterHistory, ListChange, ListRows } from "./ports.ts";

/** Tells of a filter that cannot be read: it matches nothing. */
export type OnUnreadable = (row: FilterVersion, problem: string) => void;

/** Versions of one step, so that a step never takes long. */
const stepVersions = 2_000;

/** Fills an empty set with the whole state at its oldest version. */
export async function loadState(
  set: FilterSet,
  history: FilterHistory,
  onUnreadable: OnUnreadable,
): Promise<void> {
  for await (const rows of history.stateAt(set.oldest())) {
    await loadLists(set, history, rows, set.oldest());
    for (const row of rows) applyRow(set, row, onUnreadable);
  }
}

/** Brings a set up to the newest version. Every version is applied whole, in order: there is no moment without filters. */
export async function loadNewer(
  set: FilterSet,
  history: FilterHistory,
  onUnreadable: OnUnreadable,
): Promise<void> {
  const head = await history.head();
  while (set.newest() < head) {
    const after = set.newest();
    const upTo = Math.min(head, after + stepVersions);
    const [rows, changes] = await Promise.all([
      history.between(after, upTo),
      history.changesBetween(after, upTo),
    ]);
    // Lists that are named for the first time are read as they stood before this step; the step's changes follow.
    await loadLists(set, history, rows, after);
    const steps = [
      ...rows.map((row) => ({ row, version: row.version })),
      ...changes.map((change) => ({ change, version: change.version })),
    ];
    for (const step of steps.toSorted((a, b) => a.version - b.version)) {
      if ("row" in step) applyRow(set, step.row, onUnreadable);
      else await applyChange(set, history, step.change);
    }
    // A version whose owner is gone has left no row.
    set.advance(upTo, 0);
  }
}

function applyRow(set: FilterSet, row: FilterVersion, onUnreadable: OnUnreadable): void {
  const problem = set.apply(row);
  if (problem !== null) onUnreadable(row, problem);
}

async function loadLists(
  set: FilterSet,
  history: FilterHistory,
  rows: readonly FilterVersion[],
  upTo: number,
): Promise<void> {
  for (const { userId, subscription } of rows) {
    const name = listNameOf(subscription?.filter);
    if (name === undefined || set.lists.has(listKey(userId, name))) continue;
    const list = set.lists.numberOf(listKey(userId, name));
    for await (const page of history.list(userId, name, set.oldest(), upTo)) {
      const until = page.untilVersion !== null && page.untilVersion <= upTo ? page.untilVersion : null;
      set.lists.reserve(list, page.addresses.length);
      for (const address of page.addresses) {
        if (until === null) set.lists.add(list, address, page.fromVersion);
        else set.lists.addPast(list, address, page.fromVersion, until);
      }
    }
  }
}

async function applyChange(set: FilterSet, history: FilterHistory, change: ListChange): Promise<void> {
  const key = listKey(change.userId, change.name);
  if (set.lists.has(key)) {
    const list = set.lists.numberOf(key);
    for await (const page of history.listChange(change.userId, change.name, change.version))
      applyPage(set, list, page, change.version);
  }
  set.advance(change.version, change.createdAtMs);
}

function applyPage(set: FilterSet, list: number, page: ListRows, version: number): void {
  for (const address of page.addresses) {
    if (page.untilVersion === version) set.lists.remove(list, address, version);
    else set.lists.add(list, address, version);
  }
}

/** The list that a stored filter names; whether the filter is right is found out when it is parsed. */
function listNameOf(filter: unknown): string | undefined {
  const addresses = (filter as { addresses?: { list?: unknown } } | null | undefined)?.addresses;
  return typeof addresses?.list === "string" ? addresses.list : undefined;
}
