const seed = 0x9747b28c;
const mix = 0x5bd1e995;

/** Kafka's murmur2 of the key's bytes, as the Java client's default partitioner computes it. 32-bit signed. */
export function murmur2(data: Uint8Array): number {
  const length = data.length;
  const tail = length & ~3;
  let hash = seed ^ length;
  for (let i = 0; i < tail; i += 4) {
    let word =
      (data[i] ?? 0) | ((data[i + 1] ?? 0) << 8) | ((data[i + 2] ?? 0) << 16) | ((data[i + 3] ?? 0) << 24);
    word = Math.imul(word, mix);
    word ^= word >>> 24;
    hash = Math.imul(hash, mix) ^ Math.imul(word, mix);
  }
  const rest = length & 3;
  if (rest === 3) hash ^= (data[tail + 2] ?? 0) << 16;
  if (rest >= 2) hash ^= (data[tail + 1] ?? 0) << 8;
  if (rest >= 1) {
    hash ^= data[tail] ?? 0;
    hash = Math.imul(hash, mix);
  }
  hash ^= hash >>> 13;
  hash = Math.imul(hash, mix);
  return hash ^ (hash >>> 15);
}

/** The partition of a key among `partitions`, as every Java-compatible client chooses it. */
export function partitionOf(key: string, partitions: number): number {
  return (murmur2(Buffer.from(key)) & 0x7fffffff) % partitions;
}
