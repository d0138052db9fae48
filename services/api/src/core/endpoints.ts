import type { EndpointSettings } from "@ethhook/schemas";
import type { EndpointPatch, EndpointResource } from "@ethhook/schemas/api";
import { answer, refuse, type Answer } from "./answer.ts";
import type { FilterChecker } from "./filter.ts";
import { pageOf } from "./page.ts";
import type { Handlers } from "./operations.ts";
import type { EndpointChange, EndpointStore, Subscription, TargetPolicy, Vault } from "./ports.ts";
import { checkTarget } from "./target.ts";

type EndpointHandlers = Pick<
  Handlers,
  | "createEndpoint"
  | "listEndpoints"
  | "getEndpoint"
  | "updateEndpoint"
  | "pauseEndpoint"
  | "resumeEndpoint"
  | "rotateEndpointSecret"
  | "deleteEndpoint"
>;

const hourMs = 3_600_000;

/** Endpoints: where webhooks go, and what they are about. */
export function createEndpoints(
  store: EndpointStore,
  vault: Vault,
  filters: FilterChecker,
  policy: TargetPolicy,
): EndpointHandlers {
  const change = async (userId: string, id: string, decide: (current: EndpointResource) => EndpointChange) =>
    found(id, await store.change(userId, id, decide));

  /** The secret that the caller brings, which they know; or a new one, shown this once. */
  function secretOf(endpointId: string, given: string | undefined) {
    if (given !== undefined) return { sealed: vault.seal(given, endpointId), shown: {} };
    const secret = vault.newSecret();
    return { sealed: vault.seal(secret, endpointId), shown: { secret } };
  }

  return {
    async createEndpoint({ params: { applicationId }, body }, { userId }) {
      const { url, description, delivery, secret, ...subscription } = body;
      const target = checkTarget(policy, url);
      if (!target.ok) return target;
      const checked = await filters(userId, subscription.filter);
      if (!checked.ok) return checked;
      const id = vault.newId("ep");
      const { sealed, shown } = secretOf(id, secret);
      const created = await store.create({
        id,
        userId,
        applicationId,
        url,
        description,
        delivery,
        subscription,
        sealedSecret: sealed,
      });
      if (created === null) return refuse("NOT_FOUND", `There is no application ${applicationId}.`);
      return answer({ ...created, ...shown });
    },

    async listEndpoints({ query }, { userId }) {
      return answer(await pageOf(query, (page) => store.list(userId, page)));
    },

    async getEndpoint({ params: { endpointId } }, { userId }) {
      return found(endpointId, await store.find(userId, endpointId));
    },

    async updateEndpoint({ params: { endpointId }, body }, { userId }) {
      const target = checkTarget(policy, body.url);
      if (!target.ok) return target;
      const checked = body.filter === undefined ? answer(undefined) : await filters(userId, body.filter);
      if (!checked.ok) return checked;
      return change(userId, endpointId, (current) => planUpdate(current, body));
    },

    async pauseEndpoint({ params: { endpointId } }, { userId }) {
      return change(userId, endpointId, () => ({ status: "paused" }));
    },

    async resumeEndpoint({ params: { endpointId } }, { userId }) {
      return change(userId, endpointId, () => ({ status: "enabled" }));
    },

    async rotateEndpointSecret({ params: { endpointId }, body }, { userId }) {
      const { sealed, shown } = secretOf(endpointId, body.secret);
      const rotated = await store.rotateSecret(userId, endpointId, sealed, body.overlapHours * hourMs);
      return found(endpointId, rotated && { endpointId, ...shown, ...rotated });
    },

    async deleteEndpoint({ params: { endpointId } }, { userId }) {
      const removed = await store.remove(userId, endpointId);
      return found(endpointId, removed ? undefined : null);
    },
  };
}

/**
 * What a patch changes. A subscription is written only when it differs: each version costs every matcher a reload,
 * and a patch of the URL alone must not restart what the endpoint hears of.
 */
export function planUpdate(current: EndpointResource, patch: EndpointPatch): EndpointChange {
  const before: Subscription = {
    filter: current.filter,
    finality: current.finality,
    format: current.format,
    sendRemoved: current.sendRemoved,
  };
  const after: Subscription = {
    filter: patch.filter ?? before.filter,
    finality: patch.finality ?? before.finality,
    format: patch.format ?? before.format,
    sendRemoved: patch.sendRemoved ?? before.sendRemoved,
  };
  return {
    ...(patch.url === undefined ? {} : { url: patch.url }),
    ...(patch.description === undefined ? {} : { description: patch.description }),
    ...(patch.delivery === undefined ? {} : { delivery: mergeSettings(current.delivery, patch.delivery) }),
    ...(sameJson(before, after) ? {} : { subscription: after }),
  };
}

function mergeSettings(
  current: EndpointSettings,
  patch: NonNullable<EndpointPatch["delivery"]>,
): EndpointSettings {
  const named = Object.entries(patch).filter(([, value]) => value !== undefined);
  return { ...current, ...Object.fromEntries(named) };
}

function sameJson(a: unknown, b: unknown): boolean {
  return JSON.stringify(canonical(a)) === JSON.stringify(canonical(b));
}

/** Keys in one order: Postgres keeps jsonb in its own. */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, canonical(inner)]));
}

function found<T>(endpointId: string, value: T | null): Answer<T> {
  return value === null ? refuse("NOT_FOUND", `There is no endpoint ${endpointId}.`) : answer(value);
}
