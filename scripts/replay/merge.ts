import type { InRecord } from "@ethhook/kit";

type Fetches = AsyncIterable<readonly InRecord[]>;

interface Stream {
  readonly fetches: AsyncIterator<readonly InRecord[]>;
  records: readonly InRecord[];
  next: number;
}

/** Records handed over together at most. */
const piece = 1_000;

/**
 * Records of several partitions, oldest first, each partition in its own order. Holds one fetch of each in memory.
 * A partition's order is never broken, also where its timestamps step back.
 */
export async function* mergeByTime(partitions: readonly Fetches[]): AsyncGenerator<readonly InRecord[]> {
  const streams: Stream[] = partitions.map((fetches) => ({
    fetches: fetches[Symbol.asyncIterator](),
    records: [],
    next: 0,
  }));
  let open = await filled(streams);
  let out: InRecord[] = [];
  while (open.length > 0) {
    const oldest = open.reduce((best, stream) => (timeOf(stream) < timeOf(best) ? stream : best));
    const record = oldest.records[oldest.next];
    if (record !== undefined) out.push(record);
    oldest.next += 1;
    if (oldest.next >= oldest.records.length) open = await filled(open);
    if (out.length < piece) continue;
    yield out;
    out = [];
  }
  if (out.length > 0) yield out;
}

const timeOf = (stream: Stream): number => stream.records[stream.next]?.timestampMs ?? Infinity;

/** Streams that have a record, after fetching for those that had none; ended ones are left out. */
async function filled(streams: readonly Stream[]): Promise<Stream[]> {
  await Promise.all(
    streams.map(async (stream) => {
      while (stream.next >= stream.records.length) {
        const fetched = await stream.fetches.next();
        if (fetched.done === true) return;
        stream.records = fetched.value;
        stream.next = 0;
      }
    }),
  );
  return streams.filter((stream) => stream.next < stream.records.length);
}
