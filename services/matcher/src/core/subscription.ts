import type { Finality, Log, PayloadFormat } from "@ethhook/schemas";
import type { CompiledFilter } from "@ethhook/schemas/filter";

/** One endpoint's wish, as one version of the filter set holds it. */
export interface Subscription {
  readonly endpointId: string;
  readonly applicationId: string;
  readonly userId: string;
  readonly finality: Finality;
  readonly format: PayloadFormat;
  readonly sendRemoved: boolean;
  readonly filter: CompiledFilter;
  /** True when the index may meet it twice for one log. */
  readonly isFiledTwice: boolean;
  /** The version that brought it. */
  readonly since: number;
  /** The version that replaced or ended it; infinite while it stands. Set once, by its set. */
  until: number;
}

/** A log and a subscription that accepts it. */
export interface Match {
  readonly subscription: Subscription;
  /** Which alternative of the filter; see `CompiledFilter`. */
  readonly alternative: number;
}

/** True when version `version` of the filter set holds the subscription. */
export function isIn(subscription: Subscription, version: number): boolean {
  return subscription.since <= version && version < subscription.until;
}

/** Adds the match of a candidate, whose contract is known to fit, if the rest of its filter accepts the log. */
export function matchOne(subscription: Subscription, log: Log, version: number, into: Match[]): void {
  if (!isIn(subscription, version)) return;
  // Filed under several topics, it may be met twice.
  if (subscription.isFiledTwice && into.some((match) => match.subscription === subscription)) return;
  const { chains } = subscription.filter.filter;
  if (chains !== null && !chains.includes(log.chainId)) return;
  const alternative = subscription.filter.alternative(log);
  if (alternative !== -1) into.push({ subscription, alternative });
}
