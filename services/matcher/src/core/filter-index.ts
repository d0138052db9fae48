import type { Log } from "@ethhook/schemas";
import type { AddressLists } from "./address-lists.ts";
import { createAddressTable, type AddressTable } from "./address-table.ts";
import { createPostings, type Postings } from "./postings.ts";
import { matchOne, type Match, type Subscription } from "./subscription.ts";

/**
 * Finds the subscriptions that a log may satisfy by its contract and first topic, so that the cost of a log follows the
 * candidates and not the number of filters. Filters without addresses are apart, by chain.
 */
export interface FilterIndex {
  add(subscription: Subscription): void;
  remove(subscription: Subscription): void;
  /** Every match of version `version`, in an order that depends only on when the subscriptions were added. */
  match(log: Log, version: number): readonly Match[];
  readonly size: () => number;
}

/** Key of filters without chains, in place of a chain id. */
const everyChain = 0;

/** @param lists the named lists, shared by the indexes of all finalities. */
export function createFilterIndex(lists: AddressLists): FilterIndex {
  /** Filters by the number of their list. */
  const byList = new Map<number, Postings>();
  const contracts = createContracts();
  const wildcards = new Map<number, Postings>();
  let size = 0;

  function eachWildcard(subscription: Subscription, visit: (postings: Postings) => void): void {
    for (const chain of subscription.filter.filter.chains ?? [everyChain]) {
      const postings = wildcards.get(chain) ?? createPostings();
      wildcards.set(chain, postings);
      visit(postings);
      if (postings.isEmpty()) wildcards.delete(chain);
    }
  }

  function postingsOf(list: number): Postings {
    const postings = byList.get(list) ?? createPostings();
    byList.set(list, postings);
    return postings;
  }

  function matchLists(log: Log, version: number, into: Match[]): void {
    for (const list of lists.listsOf(log.address)) {
      const postings = byList.get(list);
      if (postings !== undefined && lists.holds(list, log.address, version))
        postings.match(log, version, into);
    }
  }

  return {
    add(subscription) {
      size += 1;
      const { addresses } = subscription.filter.filter;
      if (addresses === null) eachWildcard(subscription, (postings) => postings.add(subscription));
      else if (addresses.kind === "inline") contracts.add(addresses.addresses, subscription);
      else postingsOf(lists.numberOf(listKey(subscription.userId, addresses.name))).add(subscription);
    },
    remove(subscription) {
      size -= 1;
      const { addresses } = subscription.filter.filter;
      if (addresses === null) eachWildcard(subscription, (postings) => postings.remove(subscription));
      else if (addresses.kind === "inline") contracts.remove(addresses.addresses, subscription);
      else postingsOf(lists.numberOf(listKey(subscription.userId, addresses.name))).remove(subscription);
    },
    match(log, version) {
      const into: Match[] = [];
      contracts.match(log, version, into);
      if (byList.size > 0) matchLists(log, version, into);
      wildcards.get(log.chainId)?.match(log, version, into);
      wildcards.get(everyChain)?.match(log, version, into);
      return into;
    },
    size: () => size,
  };
}

/** Lists are named by their owner: two users may have one of the same name. */
export function listKey(userId: string, name: string): string {
  return `${userId}/${name}`;
}

interface Contracts {
  add(addresses: readonly string[], subscription: Subscription): void;
  remove(addresses: readonly string[], subscription: Subscription): void;
  match(log: Log, version: number, into: Match[]): void;
}

/** Contracts with a single subscription, which most have, take a slot of the table and nothing else. */
function createContracts(): Contracts {
  const table: AddressTable = createAddressTable();
  /** The table's values: `n` is the subscription `slots[n]`, `~n` is `shared[n]`. */
  const slots: (Subscription | undefined)[] = [];
  const freeSlots: number[] = [];
  const slotOf = new Map<Subscription, number>();
  const shared: (Postings | undefined)[] = [];
  const freeShared: number[] = [];

  function share(first: Subscription | undefined, second: Subscription): number {
    const postings = createPostings();
    if (first !== undefined) postings.add(first);
    postings.add(second);
    const at = freeShared.pop() ?? shared.length;
    shared[at] = postings;
    return ~at;
  }

  return {
    add(addresses, subscription) {
      const slot = freeSlots.pop() ?? slots.length;
      slots[slot] = subscription;
      slotOf.set(subscription, slot);
      for (const address of addresses) {
        const value = table.get(address);
        if (value === undefined) table.set(address, slot);
        else if (value < 0) shared[~value]?.add(subscription);
        else table.set(address, share(slots[value], subscription));
      }
    },
    remove(addresses, subscription) {
      const slot = slotOf.get(subscription);
      if (slot === undefined) return;
      for (const address of addresses) {
        const value = table.get(address);
        if (value === slot) table.delete(address);
        else if (value !== undefined && value < 0) {
          const postings = shared[~value];
          postings?.remove(subscription);
          if (postings?.isEmpty() !== true) continue;
          shared[~value] = undefined;
          freeShared.push(~value);
          table.delete(address);
        }
      }
      slots[slot] = undefined;
      slotOf.delete(subscription);
      freeSlots.push(slot);
    },
    match(log, version, into) {
      const value = table.get(log.address);
      if (value === undefined) return;
      if (value < 0) return shared[~value]?.match(log, version, into);
      const subscription = slots[value];
      if (subscription !== undefined) matchOne(subscription, log, version, into);
    },
  };
}
