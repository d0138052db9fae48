import type { Endpoint } from "./endpoint.ts";
import type { EndpointDirectory } from "./ports.ts";
import { createRecentMap } from "./recent-map.ts";

/** Where endpoints are stored. */
export interface EndpointSource {
  /** Those of the ids that exist; one without a secret that can be opened has none, and is not enabled. Rejects while it does not answer. */
  read(ids: readonly string[]): Promise<ReadonlyMap<string, Endpoint>>;
}

/** Endpoints in memory, as they were last read. */
export interface KeptEndpoints extends Omit<EndpointDirectory, "disable"> {
  /** Reads again everything that is known: notifications may have been missed. */
  refresh(): Promise<void>;
  /** Something about this endpoint changed. Its old state stays in use until the new one is read. */
  changed(endpointId: string): void;
  /** Takes it for disabled here. @returns false when it is not enabled. */
  disableHere(endpointId: string): boolean;
  /** Hears of every endpoint that was read again. */
  onChange(listener: (before: Endpoint, after: Endpoint | null) => void): void;
}

export interface EndpointDirectoryPorts {
  readonly source: EndpointSource;
  /** Resolves when the source is worth asking again. */
  pause(): Promise<void>;
  /** Changed endpoints could not be read; they are asked for again. */
  onError(error: unknown): void;
}

const endpointsMax = 20_000;
const pageSize = 1_000;

/** Endpoints are read when first needed and again when they change; those that nobody used for longest make room. */
export function createEndpointDirectory({ source, pause, onError }: EndpointDirectoryPorts): KeptEndpoints {
  const known = createRecentMap<Endpoint | null>(endpointsMax);
  /** Changed since they were last read; read together in the next turn. */
  const stale = new Set<string>();
  const listeners: ((before: Endpoint, after: Endpoint | null) => void)[] = [];
  let reading: Promise<unknown> = Promise.resolve();
  let rereading = false;

  /** One after the other: an answer that is older can then never replace a newer one. @param ids is asked when its turn comes. */
  function readInTurn(ids: () => readonly string[]): Promise<void> {
    const read = reading.then(() => readPages(ids()));
    reading = read.catch(() => undefined);
    return read;
  }

  async function readPages(ids: readonly string[]): Promise<void> {
    for (let from = 0; from < ids.length; from += pageSize) {
      const page = ids.slice(from, from + pageSize);
      const found = await source.read(page);
      for (const id of page) remember(id, found.get(id) ?? null);
    }
  }

  function remember(id: string, endpoint: Endpoint | null): void {
    const before = known.get(id);
    // Its secrets cannot be opened now: it stays as it was, and is not called if it never was.
    if (before && endpoint?.secrets.length === 0) return;
    known.set(id, endpoint);
    if (before) for (const listener of listeners) listener(before, endpoint);
  }

  async function reread(): Promise<void> {
    while (stale.size > 0) {
      let asked: readonly string[] = [];
      try {
        await readInTurn(() => {
          asked = [...stale].filter((id) => known.get(id) !== undefined);
          stale.clear();
          return asked;
        });
      } catch (error) {
        for (const id of asked) stale.add(id);
        onError(error);
        await pause();
      }
    }
    rereading = false;
  }

  return {
    get: known.get,
    load: (ids) => readInTurn(() => ids),
    refresh: () => readInTurn(() => [...known.keys()]),
    changed(id) {
      stale.add(id);
      if (rereading) return;
      rereading = true;
      void reread();
    },
    disableHere(id) {
      const endpoint = known.get(id);
      if (endpoint?.status !== "enabled") return false;
      known.set(id, { ...endpoint, status: "disabled" });
      return true;
    },
    onChange: (listener) => void listeners.push(listener),
  };
}
