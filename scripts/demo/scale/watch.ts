import { setTimeout as delay } from "node:timers/promises";
import { computeLag } from "@ethhook/topology";
import { createLagReader } from "../../lag/snapshot.ts";
import type { Measured, Sample } from "./chart.ts";
import type { Crew } from "./crew.ts";
import type { Stage } from "./stage.ts";

/** The lag of both groups, as `npm run lag` computes it, about once a second. */
export interface Watch {
  /** Oldest first. */
  readonly samples: readonly Sample[];
  stop(): Promise<void>;
}

const everyMs = 1_000;

export function startWatch(
  { kafka, topology }: Stage,
  crews: { readonly matchers: Crew; readonly deliveries: Crew },
  onSample: (sample: Sample) => void,
  onError: (error: Error) => void,
): Watch {
  const admin = kafka.admin();
  const reader = kafka.reader();
  const lags = createLagReader(topology, admin, reader);
  const startedAt = performance.now();
  const samples: Sample[] = [];
  const stop = new AbortController();

  async function read(): Promise<Sample> {
    const { groups } = computeLag(topology, await lags.read());
    const measured = (id: string, crew: Crew): Measured => {
      const group = groups.find(({ group: name }) => name === id);
      return {
        processes: crew.size(),
        lagRecords: group?.records ?? 0,
        lagSeconds: group?.seconds ?? 0,
      };
    };
    return {
      seconds: (performance.now() - startedAt) / 1_000,
      matcher: measured("matcher.latest", crews.matchers),
      delivery: measured("delivery", crews.deliveries),
    };
  }

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      const beganAt = performance.now();
      const sample = await read();
      samples.push(sample);
      onSample(sample);
      const left = Math.max(0, everyMs - (performance.now() - beganAt));
      await delay(left, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  }

  const running = run().catch((error: unknown) => {
    if (!stop.signal.aborted) onError(error instanceof Error ? error : new Error(String(error)));
  });
  return {
    samples,
    async stop() {
      stop.abort();
      await running;
      await Promise.all([admin.close(), reader.close()]);
    },
  };
}
