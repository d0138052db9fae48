interface Entry {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
  isCancelled: boolean;
}

/** Time that passes only when nothing is left to do. One at a time in a process: it stands in for the global timers. */
export interface VirtualTime extends Disposable {
  /** Unix milliseconds. */
  now(): number;
  /** Calls `run` later. @returns takes it back. */
  after(delayMs: number, run: () => void): () => void;
  /** Resolves after `delayMs`, or at once when the signal is aborted. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
  /** Lets time pass until `isDone`, which is asked after every step. @returns false if `lastMs` came first. */
  runUntil(isDone: () => boolean, lastMs: number): Promise<boolean>;
  /** Timers that rang. */
  readonly steps: number;
}

const real = {
  setTimeout: globalThis.setTimeout,
  clearTimeout: globalThis.clearTimeout,
  setInterval: globalThis.setInterval,
  clearInterval: globalThis.clearInterval,
  now: Date.now,
};

/** Every promise that can go on has gone on by then: microtasks come before the event loop's next turn. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

/**
 * Takes the place of `setTimeout`, `setInterval` and `Date.now` until it is disposed of: the breakers and the socket
 * adapter under test tell time by them.
 */
export function createVirtualTime(startMs: number): VirtualTime {
  const heap: Entry[] = [];
  let nowMs = startMs;
  let order = 0;
  let steps = 0;

  function after(delayMs: number, run: () => void): () => void {
    const entry = { atMs: nowMs + Math.max(0, delayMs || 0), order: order++, run, isCancelled: false };
    push(heap, entry);
    return () => (entry.isCancelled = true);
  }

  const handles = createHandles(after);
  Object.assign(globalThis, handles);
  Date.now = () => nowMs;

  async function runUntil(isDone: () => boolean, lastMs: number): Promise<boolean> {
    for (;;) {
      await settled();
      if (isDone()) return true;
      let next = pop(heap);
      while (next?.isCancelled) next = pop(heap);
      if (!next || next.atMs > lastMs) {
        if (next) push(heap, next);
        nowMs = lastMs;
        return false;
      }
      nowMs = next.atMs;
      steps += 1;
      next.run();
    }
  }

  return {
    now: () => nowMs,
    after,
    sleep(delayMs, signal) {
      if (signal?.aborted) return Promise.resolve();
      const { promise, resolve } = Promise.withResolvers<void>();
      const wake = () => {
        cancel();
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      const cancel = after(delayMs, wake);
      signal?.addEventListener("abort", wake);
      return promise;
    },
    runUntil,
    get steps() {
      return steps;
    },
    [Symbol.dispose]() {
      const { now, ...timers } = real;
      Object.assign(globalThis, timers);
      Date.now = now;
    },
  };
}

/** The global timers on virtual time. */
function createHandles(after: VirtualTime["after"]) {
  class Handle {
    cancel: () => void = () => {};
    ref = () => this;
    unref = () => this;
    hasRef = () => true;
    [Symbol.dispose] = () => this.cancel();
  }
  const clear = (handle: unknown) => {
    if (handle instanceof Handle) handle.cancel();
    // Made before virtual time began.
    else real.clearTimeout(handle as NodeJS.Timeout);
  };
  return {
    setTimeout: (run: (...args: unknown[]) => void, delayMs = 0, ...args: unknown[]) => {
      const handle = new Handle();
      handle.cancel = after(delayMs, () => run(...args));
      return handle;
    },
    setInterval: (run: (...args: unknown[]) => void, delayMs = 0, ...args: unknown[]) => {
      const handle = new Handle();
      const again = () => {
        handle.cancel = after(Math.max(1, delayMs), again);
        run(...args);
      };
      handle.cancel = after(Math.max(1, delayMs), again);
      return handle;
    },
    clearTimeout: clear,
    clearInterval: clear,
  };
}

const isBefore = (a: Entry, b: Entry) => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);

function push(heap: Entry[], entry: Entry): void {
  let at = heap.push(entry) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (!isBefore(entry, heap[parent]!)) break;
    heap[at] = heap[parent]!;
    at = parent;
  }
  heap[at] = entry;
}

function pop(heap: Entry[]): Entry | undefined {
  const first = heap[0];
  const last = heap.pop();
  if (!last || heap.length === 0) return first;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1;
    if (!isBefore(heap[child]!, last)) break;
    heap[at] = heap[child]!;
    at = child;
  }
  heap[at] = last;
  return first;
}
