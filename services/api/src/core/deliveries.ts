import type { EndpointResource } from "@ethhook/schemas/api";
import { answer, refuse, type Answer } from "./answer.ts";
import type { Handlers } from "./operations.ts";
import type { DeliveryHistory, EndpointStore, Outbox, ParkedStore, Vault } from "./ports.ts";
import { attemptWindow, deliveryWindow, nextAfter } from "./search.ts";
import { testDelivery } from "./test-delivery.ts";

type DeliveryHandlers = Pick<
  Handlers,
  | "searchDeliveries"
  | "getDelivery"
  | "searchAttempts"
  | "listParked"
  | "retryParked"
  | "cancelParked"
  | "sendTestEvent"
>;

export interface DeliveryPorts {
  readonly history: DeliveryHistory;
  readonly parked: ParkedStore;
  readonly endpoints: Pick<EndpointStore, "find">;
  readonly outbox: Outbox;
  readonly vault: Pick<Vault, "newWebhookId">;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/** What was sent, what waits, and what its owner can do about it. */
export function createDeliveries(ports: DeliveryPorts): DeliveryHandlers {
  const { history, parked, endpoints } = ports;

  async function owned(userId: string, endpointId: string): Promise<Answer<EndpointResource>> {
    const endpoint = await endpoints.find(userId, endpointId);
    return endpoint === null ? refuse("NOT_FOUND", `There is no endpoint ${endpointId}.`) : answer(endpoint);
  }

  return {
    async searchDeliveries({ query }, { userId }) {
      const window = deliveryWindow(query, ports.now());
      if (!window.ok) return window;
      const found = await history.searchDeliveries(userId, query, window.value, query.limit + 1);
      return answer(nextAfter(found, query.limit, (last) => [Date.parse(last.blockTime), last.webhookId]));
    },

    async getDelivery({ params: { webhookId } }, { userId }) {
      const [found, waiting] = await Promise.all([
        history.findDelivery(userId, webhookId),
        parked.find(userId, webhookId),
      ]);
      if (found === null) {
        return refuse("NOT_FOUND", `There is no webhook ${webhookId}, or it is not yet a second old.`);
      }
      return answer({ ...found, attempts: [...found.attempts], parked: waiting });
    },

    async searchAttempts({ query }, { userId }) {
      const window = attemptWindow(query, ports.now());
      if (!window.ok) return window;
      const found = await history.searchAttempts(userId, query, window.value, query.limit + 1);
      return answer(nextAfter(found, query.limit, (last) => [Date.parse(last.startedAt), last.attemptId]));
    },

    async listParked({ params: { endpointId }, query }, { userId }) {
      const endpoint = await owned(userId, endpointId);
      if (!endpoint.ok) return endpoint;
      const { items, total } = await parked.list(endpointId, query.limit);
      return answer({ items: [...items], total });
    },

    async retryParked({ params: { endpointId }, body: { webhookId } }, { userId }) {
      const endpoint = await owned(userId, endpointId);
      return endpoint.ok ? answer({ count: await parked.retry(endpointId, webhookId ?? null) }) : endpoint;
    },

    async cancelParked({ params: { endpointId }, body: { webhookId } }, { userId }) {
      const endpoint = await owned(userId, endpointId);
      return endpoint.ok ? answer({ count: await parked.cancel(endpointId, webhookId ?? null) }) : endpoint;
    },

    async sendTestEvent({ params: { endpointId } }, { userId }) {
      const endpoint = await owned(userId, endpointId);
      if (!endpoint.ok) return endpoint;
      const delivery = testDelivery(endpoint.value, userId, ports.vault.newWebhookId(), ports.now());
      await ports.outbox.enqueue(delivery);
      return answer({ webhookId: delivery.webhookId });
    },
  };
}
