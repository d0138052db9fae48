import type { Log } from "@ethhook/schemas";
import { matchOne, type Match, type Subscription } from "./subscription.ts";

/** Subscriptions that share a place in the index, by what they demand of a log's topics. */
export interface Postings {
  add(subscription: Subscription): void;
  remove(subscription: Subscription): void;
  /** Adds every match among the subscriptions whose demand the log's topics meet. */
  match(log: Log, version: number, into: Match[]): void;
  isEmpty(): boolean;
}

type ByTopic = Map<string, Subscription[]>;

/**
 * A subscription is filed under the rarest thing it demands: a later topic (`to is me`), else its first topic (the
 * event), else apart. A thousand filters for transfers to one wallet each cost a log one look-up.
 */
export function createPostings(): Postings {
  /** By position; made when first needed. */
  const byTopic: (ByTopic | undefined)[] = [undefined, undefined, undefined, undefined];
  const anyTopic: Subscription[] = [];
  let filed = 0;

  function eachPlace({ filter }: Subscription, visit: (position: number, topic: string) => void): boolean {
    if (filter.topicKeys !== null) for (const { position, topic } of filter.topicKeys) visit(position, topic);
    else if (filter.topic0s !== null) for (const topic of filter.topic0s) visit(0, topic);
    else return false;
    return true;
  }

  return {
    add(subscription) {
      const isFiled = eachPlace(subscription, (position, topic) => {
        const map = (byTopic[position] ??= new Map());
        const list = map.get(topic);
        if (list === undefined) map.set(topic, [subscription]);
        else list.push(subscription);
      });
      if (isFiled) filed += 1;
      else anyTopic.push(subscription);
    },
    remove(subscription) {
      const isFiled = eachPlace(subscription, (position, topic) => {
        const map = byTopic[position];
        const list = map?.get(topic);
        if (list === undefined) return;
        drop(list, subscription);
        if (list.length === 0) map?.delete(topic);
      });
      if (isFiled) filed -= 1;
      else drop(anyTopic, subscription);
    },
    match(log, version, into) {
      for (const subscription of anyTopic) matchOne(subscription, log, version, into);
      if (filed === 0) return;
      for (let position = 0; position < log.topics.length; position += 1) {
        const list = byTopic[position]?.get(log.topics[position] ?? "");
        if (list !== undefined) for (const subscription of list) matchOne(subscription, log, version, into);
      }
    },
    isEmpty: () => filed === 0 && anyTopic.length === 0,
  };
}

function drop(list: Subscription[], subscription: Subscription): void {
  const at = list.indexOf(subscription);
  if (at !== -1) list.splice(at, 1);
}
