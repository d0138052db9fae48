import type { Worker } from "../load/worker.ts";
import { startWorker } from "../load/worker.ts";
import type { BareDelivery } from "./delivery.ts";
import type { BareMatcher } from "./matcher.ts";

export const bareLogs = "bare.logs";
export const bareDeliveries = "bare.deliveries";
const concurrency = 50;

/**
 * The limit: the product's hops as loops of kafkajs and undici, each in its own process, with no commit of finished work, no retry,
 * no database.
 */
export async function startBarePath(
  brokers: readonly string[],
  endpoints: readonly { readonly url: string; readonly addresses: readonly string[] }[],
  started: AsyncDisposableStack,
): Promise<Readonly<Record<"matcher" | "delivery", number>>> {
  const endpointOf = Object.fromEntries(
    endpoints.flatMap(({ url, addresses }, index) =>
      addresses.map((address) => [address, { id: `ep_${index}`, url }]),
    ),
  );
  const start = async (name: string, settings: BareMatcher | BareDelivery): Promise<Worker> =>
    started.use(await startWorker(new URL(`${name}.ts`, import.meta.url), settings));
  const matcher = await start("matcher", {
    brokers,
    from: bareLogs,
    to: bareDeliveries,
    endpoints: endpointOf,
  });
  const delivery = await start("delivery", { brokers, from: bareDeliveries, concurrency });
  return { matcher: matcher.pid, delivery: delivery.pid };
}
