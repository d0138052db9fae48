import type { Receiver } from "../demo/receiver.ts";
import { transferEvent } from "../demo/demo-token.ts";
import { createApiClient } from "./api-client.ts";
import type { SessionChain } from "./chains.ts";

/** The endpoints of this session, one a chain, all at the demo receiver. */
export interface Subscriptions {
  /** By chain id. */
  readonly endpoints: ReadonlyMap<number, string>;
  /** The user's key, to try the API with. */
  readonly apiKey: string;
  /** Deletes the endpoints: on servers that were given, nothing may stay enabled. */
  remove(): Promise<void>;
}

/**
 * Does what a newcomer would do by hand: creates a user, an application, and on each chain an endpoint for token transfers.
 * @param tokens address of the demo token by chain id; on a chain without one, transfers of every token are wanted.
 */
export async function subscribe(
  apiUrl: string,
  adminKey: string,
  chains: readonly SessionChain[],
  tokens: ReadonlyMap<number, string>,
  receiver: Receiver,
): Promise<Subscriptions> {
  const email = `demo-${Date.now().toString(36)}@ethhook.local.example`;
  const admin = createApiClient(apiUrl, adminKey);
  const { apiKey } = await admin("createUser", { body: { email, name: "Demo" } });
  const api = createApiClient(apiUrl, apiKey.key);
  const { id: applicationId } = await api("createApplication", { body: { name: "npm start" } });
  const endpoints = new Map<number, string>();
  for (const { chain } of chains) {
    const path = `/hooks/${chain.name}`;
    const token = tokens.get(chain.id);
    const filter = {
      chains: [chain.name],
      ...(token === undefined ? {} : { addresses: [token] }),
      event: transferEvent,
    };
    // None was given, so the answer has one.
    const { id, secret = "" } = await api("createEndpoint", {
      params: { applicationId },
      body: { url: `${receiver.url}${path}`, description: `Transfers on ${chain.name}`, filter },
    });
    receiver.trust(path, secret);
    endpoints.set(chain.id, id);
  }
  return {
    endpoints,
    apiKey: apiKey.key,
    async remove() {
      for (const endpointId of endpoints.values()) await api("deleteEndpoint", { params: { endpointId } });
    },
  };
}
