import type { LargeList } from "../core/rpc/large-list.ts";

/**
 * Reading JSON-RPC answers that are too large to be in memory: the text, the string made of it and the objects would be
 * there together, and every chain of the process would stand still. The `result` list of such an answer is handed out
 * some items at a time, while the rest is still on its way.
 */

/** Answers below this are parsed whole. */
export const largeAnswerBytes = 4 * 1_048_576;
/** Text parsed between two pauses in which other chains get their turn. */
const batchBytes = 131_072;
/** Where the id and the beginning of the result must be found. */
const prefixBytesMax = 4_096;

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;

/** The members of a JSON-RPC answer; `result` is a `LargeList` if it is a list and comes after the id. */
export type LargeAnswer = Readonly<Record<string, unknown>>;

/**
 * Resolves as soon as the id is known.
 * @throws SyntaxError if the text is not a JSON object, or whatever the pieces throw.
 */
export async function parseLargeAnswer(pieces: AsyncIterable<Buffer>): Promise<LargeAnswer> {
  const source = pieces[Symbol.asyncIterator]();
  const first: Buffer[] = [];
  let bytes = 0;
  while (bytes < prefixBytesMax) {
    const next = await source.next();
    if (next.done) break;
    first.push(next.value);
    bytes += next.value.length;
  }
  const head = Buffer.concat(first);
  const prefix = head.toString("latin1", 0, prefixBytesMax);
  const begins = /"result"\s*:\s*\[/.exec(prefix);
  const before = begins ? membersOf(prefix.slice(0, begins.index)) : undefined;
  // Any other order of members is rare enough to pay for it with memory.
  if (!begins || !before || !("id" in before)) return readWhole(head, source);
  return { ...before, result: itemsOf(head.subarray(begins.index + begins[0].length), source) };
}

async function readWhole(head: Buffer, rest: AsyncIterator<Buffer>): Promise<LargeAnswer> {
  const pieces = [head];
  for (let next = await rest.next(); !next.done; next = await rest.next()) pieces.push(next.value);
  return JSON.parse(Buffer.concat(pieces).toString()) as LargeAnswer;
}

/** `{"jsonrpc":"2.0","id":1,` → its members. */
function membersOf(text: string): LargeAnswer | undefined {
  try {
    return JSON.parse(`${text.replace(/,\s*$/, "")}}`) as LargeAnswer;
  } catch {
    return undefined;
  }
}

/** Follows strings and brackets over the borders of pieces. */
interface Scan {
  depth: number;
  isInString: boolean;
  /** The last byte of the piece before was a backslash that escapes the next one. */
  isEscaped: boolean;
}

async function* itemsOf(head: Buffer, rest: AsyncIterator<Buffer>): LargeList {
  const scan: Scan = { depth: 0, isInString: false, isEscaped: false };
  let text: Buffer[] = [];
  let length = 0;
  try {
    for (let piece: Buffer | undefined = head; piece; piece = await nextOf(rest)) {
      let from = 0;
      let at = 0;
      while (at < piece.length) {
        const end = nextBorder(piece, at, scan);
        const byte = piece[end];
        const isLast = byte === closeBracket;
        if (byte === undefined) at = piece.length;
        else if (isLast || length + end - from >= batchBytes) {
          text.push(piece.subarray(from, end));
          yield JSON.parse(`[${Buffer.concat(text).toString()}]`) as unknown[];
          if (isLast) return;
          text = [];
          length = 0;
          from = end + 1;
          at = from;
          await new Promise((resolve) => setImmediate(resolve));
        } else at = end + 1;
      }
      text.push(piece.subarray(from));
      length += piece.length - from;
    }
  } finally {
    // The rest of the answer, or of the message, is not wanted.
    await rest.return?.();
  }
  throw new SyntaxError("the list does not end");
}

async function nextOf(source: AsyncIterator<Buffer>): Promise<Buffer | undefined> {
  const next = await source.next();
  return next.done ? undefined : next.value;
}

/** @returns where the next comma between items, or the end of the list, stands; the piece's length if in neither. */
function nextBorder(piece: Buffer, from: number, scan: Scan): number {
  for (let at = from; at < piece.length; at++) {
    if (scan.isInString) {
      at = endOfString(piece, at, scan);
      continue;
    }
    const byte = piece[at];
    if (byte === quote) scan.isInString = true;
    else if (byte === openBrace || byte === openBracket) scan.depth++;
    else if (byte === closeBrace || byte === closeBracket) {
      if (scan.depth === 0) return at;
      scan.depth--;
    } else if (byte === comma && scan.depth === 0) return at;
  }
  return piece.length;
}

/** @returns where the quote that ends the string stands; the piece's length if it goes on in the next one. */
function endOfString(piece: Buffer, from: number, scan: Scan): number {
  let at = from;
  if (scan.isEscaped) at++;
  scan.isEscaped = false;
  for (;;) {
    const end = piece.indexOf(quote, at);
    // A backslash is looked for only up to that quote: there is almost never one.
    const stretch = end === -1 ? piece.subarray(at) : piece.subarray(at, end);
    const escape = stretch.indexOf(backslash);
    if (escape === -1) {
      if (end === -1) return piece.length;
      scan.isInString = false;
      return end;
    }
    at += escape + 2;
    if (at > piece.length) {
      scan.isEscaped = true;
      return piece.length;
    }
  }
}
