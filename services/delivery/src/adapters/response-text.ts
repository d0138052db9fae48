import { createBrotliDecompress, createGunzip, createInflate, type Gunzip } from "node:zlib";

/** Bytes of an answer that are kept, after decompression. */
export const responseBytesMax = 4_096;

/** By a name that a receiver chose: a map inherits no names. */
const decompressors: ReadonlyMap<string, () => Pick<Gunzip, "end" | "on" | "destroy">> = new Map([
  ["gzip", createGunzip],
  ["x-gzip", createGunzip],
  ["deflate", createInflate],
  ["br", createBrotliDecompress],
]);

/**
 * The first 4 KiB of an answer as text. A compressed answer is decompressed piece by piece and dropped when 4 KiB have come out, so a
 * gzip bomb costs no more than an honest page. What cannot be decompressed is kept as it came.
 * @param raw what was read of the body, cut anywhere.
 */
export function responseText(raw: readonly Buffer[], encoding: string | null): string | Promise<string> {
  if (raw.length === 0) return "";
  const bytes = raw.length === 1 && raw[0] !== undefined ? raw[0] : Buffer.concat(raw);
  const make = encoding === null ? undefined : decompressors.get(encoding.trim().toLowerCase());
  return make === undefined ? cut(bytes) : decompressed(make(), bytes);
}

function cut(bytes: Buffer): string {
  return storable(bytes.toString("utf8", 0, Math.min(bytes.length, responseBytesMax)));
}

/** Text as Postgres takes it: jsonb has no NUL and no half of a surrogate pair, text has no NUL. */
export function storable(text: string): string {
  return text.toWellFormed().replaceAll("\0", "\uFFFD");
}

function decompressed(stream: Pick<Gunzip, "end" | "on" | "destroy">, bytes: Buffer): Promise<string> {
  return new Promise((resolve) => {
    const parts: Buffer[] = [];
    let length = 0;
    const done = () => {
      stream.destroy();
      resolve(length === 0 ? cut(bytes) : cut(Buffer.concat(parts)));
    };
    stream.on("data", (part: Buffer) => {
      parts.push(part);
      length += part.length;
      if (length >= responseBytesMax) done();
    });
    stream.on("end", done);
    // A body that was cut while reading ends too early: what came out before is kept.
    stream.on("error", done);
    stream.end(bytes);
  });
}
