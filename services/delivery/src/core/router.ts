import type { Delivery } from "@ethhook/schemas";
import type { Batcher } from "./batcher.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Job } from "./job.ts";
import type { EndpointDirectory } from "./ports.ts";
import { newWebhookIdOf, type Removals } from "./removals.ts";
import type { Sequencer } from "./sequencer.ts";
import type { Settlement } from "./settlement.ts";

export interface RouterPorts {
  readonly endpoints: Pick<EndpointDirectory, "get">;
  readonly dispatcher: Pick<Dispatcher, "accept">;
  readonly sequencer: Pick<Sequencer, "accept">;
  readonly batcher: Pick<Batcher, "add" | "withdraw">;
  readonly removals: Removals;
  readonly settlement: Pick<Settlement, "dropped">;
}

/** Beside any order, and never in a batch. */
const besides: ReadonlySet<Delivery["origin"]> = new Set(["replay", "redrive", "test", "operational"]);

/** What a delivery is in order with; empty without an order. A batch holds several contracts: it is in order with its endpoint. */
export function orderKeyOf({ id, settings }: Endpoint, delivery: Delivery): string {
  if (settings.ordering === "none") return "";
  return settings.ordering === "endpoint" || settings.batch === "block" ? id : `${id}|${delivery.contract}`;
}

/** Sends each job the way that its endpoint's settings and its kind ask for. Its endpoint must be known. */
export function createRouter(ports: RouterPorts): (job: Job) => void {
  function batched(job: Job): void {
    const { delivery } = job;
    if (delivery.kind === "removed") {
      const fresh = ports.batcher.withdraw(delivery.endpointId, newWebhookIdOf(job));
      if (fresh !== undefined && fresh.fresh) {
        void ports.settlement.dropped(fresh);
        void ports.settlement.dropped(job);
        return;
      }
      if (fresh !== undefined) void ports.settlement.dropped(fresh);
    }
    ports.batcher.add(job);
  }

  return (job) => {
    const { delivery } = job;
    const endpoint = ports.endpoints.get(delivery.endpointId);
    if (!endpoint || job.replay || besides.has(delivery.origin)) return ports.dispatcher.accept(job);
    // It came back from Postgres, or is read again after a crash that came before its removal was settled.
    if (ports.removals.isTakenBack(delivery)) return void ports.settlement.dropped(job);
    const orderKey = orderKeyOf(endpoint, delivery);
    const placed = orderKey === "" ? job : { ...job, orderKey };
    if (endpoint.settings.batch === "block" && delivery.origin === "match") return batched(placed);
    if (delivery.kind === "removed" && delivery.batch === undefined) return ports.removals.handle(placed);
    if (orderKey === "") ports.dispatcher.accept(placed);
    else ports.sequencer.accept(placed);
  };
}
