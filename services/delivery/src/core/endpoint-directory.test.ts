import { expect, test } from "vitest";
import type { Endpoint } from "./endpoint.ts";
import { createEndpointDirectory } from "./endpoint-directory.ts";
import { signingKey } from "./signature.ts";
import { sampleEndpoint } from "./testing/sample-jobs.ts";

const secret = { ...signingKey("whsec_AAAA"), expiresAtMs: null };
const at = (url: string): Endpoint => ({ ...sampleEndpoint, url, secrets: [secret] });

/** A directory over a source whose answers come when they are told to. */
function createWorld() {
  const reads: { ids: readonly string[]; answer(one: Endpoint | null): void; fail(): void }[] = [];
  let asked: (() => void) | undefined;
  let errors = 0;
  const directory = createEndpointDirectory({
    source: {
      read(ids) {
        const { promise, resolve, reject } = Promise.withResolvers<ReadonlyMap<string, Endpoint>>();
        const answer = (one: Endpoint | null) => resolve(new Map(one === null ? [] : [[one.id, one]]));
        reads.push({ ids, answer, fail: () => reject(new Error("no answer")) });
        asked?.();
        return promise;
      },
    },
    pause: async () => undefined,
    onError: () => (errors += 1),
  });
  return {
    directory,
    errors: () => errors,
    /** The n-th read, as soon as it is asked. */
    async read(n: number) {
      if (reads[n] === undefined) await new Promise<void>((resolve) => (asked = resolve));
      return reads[n]!;
    },
  };
}

/** Resolves when everything that was asked so far is read. */
async function loaded({ directory, read }: ReturnType<typeof createWorld>, url: string): Promise<void> {
  const load = directory.load(["ep_1"]);
  (await read(0)).answer(at(url));
  await load;
}

test("a change that comes while its endpoint is read for the first time is not lost", async () => {
  const world = createWorld();
  const load = world.directory.load(["ep_1"]);
  const first = await world.read(0);
  world.directory.changed("ep_1");
  first.answer(at("old"));
  await load;
  (await world.read(1)).answer(at("new"));
  await world.directory.load([]);
  expect(world.directory.get("ep_1")?.url).toBe("new");
});

test("a change whose read fails is read again", async () => {
  const world = createWorld();
  await loaded(world, "old");
  world.directory.changed("ep_1");
  (await world.read(1)).fail();
  const again = await world.read(2);
  expect([again.ids, world.errors(), world.directory.get("ep_1")?.url]).toEqual([["ep_1"], 1, "old"]);
  again.answer(at("new"));
  await world.directory.load([]);
  expect(world.directory.get("ep_1")?.url).toBe("new");
});

test("changes of endpoints that are not known here ask for nothing", async () => {
  const world = createWorld();
  world.directory.changed("ep_2");
  await world.directory.load([]);
  await loaded(world, "first");
  expect((await world.read(0)).ids).toEqual(["ep_1"]);
});

test("an endpoint whose secrets cannot be opened stays as it was; deleted, it is gone", async () => {
  const world = createWorld();
  const heard: (string | null)[] = [];
  world.directory.onChange((_, after) => void heard.push(after?.url ?? null));
  await loaded(world, "old");
  for (const [n, answer] of [{ ...at("sealed"), secrets: [] }, null].entries()) {
    world.directory.changed("ep_1");
    (await world.read(n + 1)).answer(answer);
    await world.directory.load([]);
  }
  expect([heard, world.directory.get("ep_1")]).toEqual([[null], null]);
});
