import { expect, test } from "vitest";
import type { Endpoint } from "./endpoint.ts";
import { createIntake } from "./intake.ts";
import type { Job } from "./job.ts";

const job = (endpointId: string) => ({ delivery: { endpointId }, isCurrent: () => true }) as Job;

test("a job whose endpoint is first heard of while another is read waits for one read, not for a pause", async () => {
  const known = new Map<string, Endpoint>();
  const reads: (readonly string[])[] = [];
  const firstRead = Promise.withResolvers<void>();
  const accepted = Promise.withResolvers<string>();
  let pauses = 0;
  const intake = createIntake({
    endpoints: {
      get: (id) => known.get(id),
      async load(ids) {
        reads.push(ids);
        if (reads.length === 1) await firstRead.promise;
        for (const id of ids) known.set(id, { id } as Endpoint);
      },
      disable: () => undefined,
    },
    accept: ({ delivery }) => {
      if (delivery.endpointId === "ep_b") accepted.resolve(delivery.endpointId);
    },
    gone: () => undefined,
    pause: async () => {
      pauses += 1;
    },
    onError: (error) => accepted.reject(error),
  });
  intake.take([job("ep_a")]);
  intake.take([job("ep_b")]);
  firstRead.resolve();
  expect(await accepted.promise).toBe("ep_b");
  expect([reads, pauses]).toEqual([[["ep_a"], ["ep_b"]], 0]);
});
