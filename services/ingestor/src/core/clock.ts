/** Time and chance, given from outside so that a simulation can own them. */
export interface Clock {
  /** Unix milliseconds. */
  now(): number;
  /** Resolves after `delayMs`, or at once when the signal is aborted. Never rejects. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
  /** Uniform in [0, 1). */
  random(): number;
}
