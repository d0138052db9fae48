import { randomFillSync } from "node:crypto";

const idBytes = 8;
/** Random bytes are drawn for so many ids at once: to draw eight costs as much as to draw thousands. */
const idsPerDraw = 512;

/** Makes ids of 16 random hex digits. */
export function createRandomIds(prefix: string): () => string {
  const drawn = Buffer.allocUnsafe(idBytes * idsPerDraw);
  let at = drawn.length;
  return () => {
    if (at === drawn.length) {
      randomFillSync(drawn);
      at = 0;
    }
    at += idBytes;
    return prefix + drawn.toString("hex", at - idBytes, at);
  };
}
