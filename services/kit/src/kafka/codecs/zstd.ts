import { constants, createZstdCompress, zstdCompressSync } from "node:zlib";

/** The parts of Node's zlib streams that are relied upon; `zstd.prop.test.ts` fails when they change. */
interface ZlibInternals {
  readonly _handle?: {
    writeSync(
      flush: number,
      input: Uint8Array,
      inputAt: number,
      inputLength: number,
      output: Uint8Array,
      outputAt: number,
      outputLength: number,
    ): void;
    onerror: (message: string, errno: number, code: string) => void;
  };
  /** Bytes of output and of input that the last write left. */
  readonly _writeState?: Uint32Array;
}

/** A larger batch gets a buffer of its own, which is not kept. */
const keptBytesMax = 1_048_576;

/**
 * Makes zstd frames with one compressor, again and again. `zstdCompressSync` makes a compressor for each call: for
 * batches of some kilobytes that takes eight times as long, and megabytes each that are held until they are collected as garbage.
 */
export interface Zstd {
  /** @returns the frame; the bytes are good until the next call. */
  compress(input: Uint8Array): Uint8Array;
  /** False where Node's streams are not as expected: then each call makes a compressor of its own. */
  readonly isReused: boolean;
}

export function createZstd(): Zstd {
  let kept = Buffer.alloc(0);
  let stream = open();

  function open(): Required<ZlibInternals> | undefined {
    const { _handle, _writeState } = createZstdCompress() as unknown as ZlibInternals;
    return typeof _handle?.writeSync === "function" && _writeState ? { _handle, _writeState } : undefined;
  }

  /** Room for whatever the frame becomes, so that one write makes all of it. */
  function room(size: number): Buffer {
    const bound = size + (size >> 8) + 1_024;
    if (bound > keptBytesMax) return Buffer.allocUnsafeSlow(bound);
    if (kept.length < bound) kept = Buffer.allocUnsafeSlow(Math.min(keptBytesMax, bound * 2));
    return kept;
  }

  function compress(input: Uint8Array): Uint8Array {
    if (!stream) return zstdCompressSync(input);
    const { _handle, _writeState } = stream;
    const output = room(input.length);
    let failure: string | undefined;
    _handle.onerror = (message) => (failure = message);
    _handle.writeSync(constants.ZSTD_e_end, input, 0, input.length, output, 0, output.length);
    const [outputLeft = 0, inputLeft = 0] = _writeState;
    if (failure === undefined && inputLeft === 0 && outputLeft > 0)
      return output.subarray(0, output.length - outputLeft);
    // What is in the compressor now is of no use to anybody.
    stream = open();
    return zstdCompressSync(input);
  }

  return { compress, isReused: stream !== undefined };
}
