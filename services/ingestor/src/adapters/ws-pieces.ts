import type WebSocket from "ws";
import { createPieceStream, type PieceStream } from "./piece-stream.ts";

/** The parts of ws 8.23's receiver that are relied upon; `ws-pieces.test.ts` fails when they change. */
interface Receiver {
  _buffers: Buffer[];
  _bufferedBytes: number;
  _payloadLength: number;
  _totalPayloadLength: number;
  _messageLength: number;
  _fragments: Buffer[];
  _fragmented: number;
  _numFragments: number;
  _opcode: number;
  _masked: boolean;
  _compressed: boolean;
  _fin: boolean;
  _loop: boolean;
  _state: number;
  getData(done: (error?: Error) => void): void;
}

const dataOpcodeMax = 2;
const waitsForFrame = 0;

/**
 * Delivers messages of at least `largeBytes` to `onLarge` while they come, and not as `message` events. ws would first
 * gather the pieces, then copy them into one buffer: twice the memory of an answer of 150 MB.
 */
export function streamLargeMessages(
  socket: WebSocket,
  largeBytes: number,
  onLarge: (message: PieceStream) => void,
): void {
  const { _receiver: receiver } = socket as unknown as { _receiver: Receiver };
  const { getData } = receiver;
  let message: PieceStream | undefined;

  function begin(gathered: readonly Buffer[]): PieceStream {
    const stream = createPieceStream({ pause: () => socket.pause(), resume: () => socket.resume() });
    for (const piece of gathered) stream.push(piece);
    onLarge(stream);
    return stream;
  }

  receiver.getData = function passOn(done) {
    const isPlain = this._opcode <= dataOpcodeMax && !this._masked && !this._compressed;
    if (!isPlain || this._totalPayloadLength < largeBytes) return getData.call(this, done);
    message ??= begin(this._fragments.splice(0));
    while (this._payloadLength > 0) {
      const piece = this._buffers.shift();
      if (!piece) {
        this._loop = false;
        return;
      }
      const taken = piece.subarray(0, this._payloadLength);
      if (taken.length < piece.length) this._buffers.unshift(piece.subarray(taken.length));
      this._bufferedBytes -= taken.length;
      this._payloadLength -= taken.length;
      message.push(taken);
    }
    this._state = waitsForFrame;
    if (!this._fin) return;
    this._totalPayloadLength = 0;
    this._messageLength = 0;
    this._fragmented = 0;
    this._numFragments = 0;
    message.end();
    message = undefined;
  };
  socket.once("close", () => message?.fail(new Error("the connection closed within a message")));
}
