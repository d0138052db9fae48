/** Keeps requests apart by an interval, unless one is urgent. */
export interface Pace {
  /** Resolves when the next request may begin; it is taken to begin then. */
  next(): Promise<void> | void;
  /** The next request begins at once. */
  hurry(): void;
  /** Nothing waits any more. */
  end(): void;
}

/** @param intervalMs 0: no request waits. */
export function createPace(intervalMs: number, now: () => number): Pace {
  let begunAtMs = Number.NEGATIVE_INFINITY;
  let urgent = false;
  let ended = false;
  let go: (() => void) | undefined;

  function begin(): void {
    begunAtMs = now();
    urgent = false;
  }

  return {
    next() {
      const waitMs = begunAtMs + intervalMs - now();
      if (waitMs <= 0 || urgent || ended) return begin();
      return new Promise((resolve) => {
        const timer = setTimeout(() => go?.(), waitMs);
        go = () => {
          clearTimeout(timer);
          go = undefined;
          begin();
          resolve();
        };
      });
    },
    hurry() {
      urgent = true;
      go?.();
    },
    end() {
      ended = true;
      go?.();
    },
  };
}
