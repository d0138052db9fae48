/** Pieces that may wait to be read before the sender is asked to pause. */
const waitingBytesMax = 4 * 1_048_576;

export interface Flow {
  pause(): void;
  resume(): void;
}

/** A message while it is still coming: pieces in order, read once. Whoever stops reading lets the rest run dry. */
export interface PieceStream extends AsyncIterable<Buffer> {
  push(piece: Buffer): void;
  end(): void;
  /** The connection broke: whoever reads is told so. */
  fail(error: Error): void;
}

export function createPieceStream(flow: Flow): PieceStream {
  let waiting: Buffer[] = [];
  let waitingBytes = 0;
  let state: "open" | "ended" | "failed" | "abandoned" = "open";
  let failure: Error | undefined;
  let isPaused = false;
  let wake: (() => void) | undefined;

  function resumeWhenEmpty(): void {
    if (!isPaused || waitingBytes > waitingBytesMax / 2) return;
    isPaused = false;
    flow.resume();
  }

  async function* read(): AsyncGenerator<Buffer, void, undefined> {
    try {
      for (;;) {
        const piece = waiting.shift();
        if (piece) {
          waitingBytes -= piece.length;
          resumeWhenEmpty();
          yield piece;
        } else if (failure) throw failure;
        else if (state === "ended") return;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      if (state === "open") state = "abandoned";
      waiting = [];
      waitingBytes = 0;
      resumeWhenEmpty();
    }
  }

  return {
    push(piece) {
      if (state !== "open") return;
      waiting.push(piece);
      waitingBytes += piece.length;
      if (waitingBytes > waitingBytesMax && !isPaused) {
        isPaused = true;
        flow.pause();
      }
      wake?.();
    },
    end() {
      if (state === "open") state = "ended";
      wake?.();
    },
    fail(error) {
      if (state !== "open") return;
      state = "failed";
      failure = error;
      wake?.();
    },
    [Symbol.asyncIterator]: read,
  };
}
