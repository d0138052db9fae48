/** Bounds the bytes that are on their way: who would add more waits. */
export interface InFlight {
  add(bytes: number): void;
  remove(bytes: number): void;
  hasRoom(): boolean;
  /** Resolves once there is room. */
  room(): Promise<void>;
}

/** @param bytesMax what may be on its way when more is added. */
export function createInFlight(bytesMax: number): InFlight {
  let bytes = 0;
  const waiting: (() => void)[] = [];
  return {
    add: (more) => void (bytes += more),
    remove(done) {
      bytes -= done;
      if (bytes < bytesMax) for (const admit of waiting.splice(0)) admit();
    },
    hasRoom: () => bytes < bytesMax,
    room: () => (bytes < bytesMax ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
  };
}
