/** What flows, and what one process of each service can take of it. */
export interface LoadPlan {
  readonly logsPerSecond: number;
  readonly matchedPerSecond: number;
  readonly matcherPerSecond: number;
  readonly deliveryPerSecond: number;
}

/**
 * A load that is too much for one process of either service and well within what `processes` of them can take. Pure.
 * @param matcherPerSecond logs that one matcher was seen to read.
 */
export function planLoad(
  matcherPerSecond: number,
  limits: { readonly deliveryConcurrency: number; readonly answerAfterMs: number },
  processes: number,
): LoadPlan {
  const deliveryPerSecond = Math.floor((limits.deliveryConcurrency * 1_000) / limits.answerAfterMs);
  // Between one process and what all can take, with room for partitions that carry more than others.
  const factor = Math.min(1.75, 1 + 0.25 * (processes - 1));
  return {
    logsPerSecond: Math.round(matcherPerSecond * factor),
    // Of them only what one matcher reads arrives at first: a seventh more than one delivery process can take.
    matchedPerSecond: Math.round(deliveryPerSecond * factor * 1.15),
    matcherPerSecond: Math.round(matcherPerSecond),
    deliveryPerSecond,
  };
}
