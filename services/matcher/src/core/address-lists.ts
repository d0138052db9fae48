import { createAddressTable, type AddressTable } from "./address-table.ts";

/**
 * Named lists of addresses that many filters share. One table leads from an address to the lists that have it, so that
 * a log costs one look-up however many lists there are; each list knows since which version it has an address.
 */
export interface AddressLists {
  /** Number of a list, given when it is first named. Numbers are small and never used again. */
  numberOf(name: string): number;
  has(name: string): boolean;
  add(list: number, address: string, version: number): void;
  remove(list: number, address: string, version: number): void;
  /** A membership that ended: `version` is in it when `from <= version < until`. */
  addPast(list: number, address: string, from: number, until: number): void;
  reserve(list: number, more: number): void;
  /** Lists that have the address in some version, ascending. */
  listsOf(address: string): readonly number[];
  holds(list: number, address: string, version: number): boolean;
  /** Forgets what only versions below `version` need. */
  prune(version: number): void;
  /** Memberships in memory, and the bytes of their tables. */
  readonly size: () => number;
  readonly bytes: () => number;
}

interface List {
  /** Since which version each address is in. */
  readonly since: AddressTable;
  /** Memberships that ended, by address. Few: pruned with the versions. */
  readonly past: Map<string, { readonly from: number; readonly until: number }[]>;
}

/** Sets of lists are shared: a million addresses of one list all lead to the same set. */
interface Combination {
  readonly lists: readonly number[];
  readonly withList: Map<number, number>;
}

const none: readonly number[] = [];

export function createAddressLists(): AddressLists {
  const numbers = new Map<string, number>();
  const lists: List[] = [];
  const members = createAddressTable();
  const combinations: Combination[] = [{ lists: none, withList: new Map() }];
  const known = new Map<string, number>([["", 0]]);

  function combine(sorted: readonly number[]): number {
    const key = sorted.join(",");
    const found = known.get(key);
    if (found !== undefined) return found;
    known.set(key, combinations.length);
    combinations.push({ lists: sorted, withList: new Map() });
    return combinations.length - 1;
  }

  function include(list: number, address: string): void {
    const before = members.get(address) ?? 0;
    const combination = combinations[before];
    if (combination === undefined || combination.lists.includes(list)) return;
    let after = combination.withList.get(list);
    if (after === undefined) {
      after = combine([...combination.lists, list].toSorted((a, b) => a - b));
      combination.withList.set(list, after);
    }
    members.set(address, after);
  }

  function exclude(list: number, address: string): void {
    const rest = (combinations[members.get(address) ?? 0]?.lists ?? none).filter((one) => one !== list);
    if (rest.length === 0) members.delete(address);
    else members.set(address, combine(rest));
  }

  function addPast(list: number, address: string, from: number, until: number): void {
    const past = lists[list]?.past;
    const spans = past?.get(address);
    if (spans === undefined) past?.set(address, [{ from, until }]);
    else spans.push({ from, until });
    include(list, address);
  }

  return {
    numberOf(name) {
      const number = numbers.get(name) ?? lists.length;
      if (number === lists.length) {
        lists.push({ since: createAddressTable(), past: new Map() });
        numbers.set(name, number);
      }
      return number;
    },
    has: (name) => numbers.has(name),
    add(list, address, version) {
      const since = lists[list]?.since;
      if (since === undefined || since.get(address) !== undefined) return;
      since.set(address, version);
      include(list, address);
    },
    remove(list, address, version) {
      const since = lists[list]?.since;
      const from = since?.get(address);
      if (since === undefined || from === undefined) return;
      since.delete(address);
      addPast(list, address, from, version);
    },
    addPast,
    reserve(list, more) {
      lists[list]?.since.reserve(more);
      members.reserve(more);
    },
    listsOf: (address) => combinations[members.get(address) ?? 0]?.lists ?? none,
    holds(list, address, version) {
      const one = lists[list];
      const since = one?.since.get(address);
      if (since !== undefined && since <= version) return true;
      return one?.past.get(address)?.some(({ from, until }) => from <= version && version < until) ?? false;
    },
    prune(version) {
      for (const [number, { since, past }] of lists.entries()) {
        for (const [address, spans] of past) {
          const rest = spans.filter((span) => span.until > version);
          if (rest.length > 0) past.set(address, rest);
          else {
            past.delete(address);
            if (since.get(address) === undefined) exclude(number, address);
          }
        }
      }
    },
    size: () => lists.reduce((sum, { since }) => sum + since.size(), 0),
    bytes: () => lists.reduce((sum, { since }) => sum + since.bytes(), members.bytes()),
  };
}
