/** A bucket that fills at a rate and holds one second's worth, at least one token. */
export interface TokenBucket {
  tokens: number;
  filledAtMs: number;
}

export function createTokenBucket(ratePerSecond: number, nowMs: number): TokenBucket {
  return { tokens: Math.max(1, ratePerSecond), filledAtMs: nowMs };
}

/** Lets in what came since it was last filled. @returns the tokens that are there now, not rounded. */
export function fillBucket(bucket: TokenBucket, ratePerSecond: number, nowMs: number): number {
  const elapsedMs = Math.max(0, nowMs - bucket.filledAtMs);
  const filled = bucket.tokens + (elapsedMs * ratePerSecond) / 1_000;
  bucket.tokens = Math.min(Math.max(1, ratePerSecond), filled);
  bucket.filledAtMs = nowMs;
  return bucket.tokens;
}

/** Takes one token if there is one. */
export function takeToken(bucket: TokenBucket, ratePerSecond: number, nowMs: number): boolean {
  fillBucket(bucket, ratePerSecond, nowMs);
  if (bucket.tokens < 1) return false;
  bucket.tokens -= 1;
  return true;
}
