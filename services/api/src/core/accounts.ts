import { answer, refuse } from "./answer.ts";
import { pageOf } from "./page.ts";
import type { Handlers } from "./operations.ts";
import type { AccountStore, Vault } from "./ports.ts";

type AccountHandlers = Pick<
  Handlers,
  | "createUser"
  | "getCurrentUser"
  | "createApiKey"
  | "listApiKeys"
  | "revokeApiKey"
  | "createApplication"
  | "listApplications"
  | "getApplication"
>;

/** Users, their keys, and their applications. */
export function createAccounts(store: AccountStore, vault: Vault): AccountHandlers {
  return {
    async createUser({ body }) {
      const { key, stored } = vault.newKey("first");
      const created = await store.createUser({ id: vault.newId("usr"), ...body }, stored);
      if (created === null) return refuse("CONFLICT", `${body.email} already has an account.`);
      return answer({ user: created.user, apiKey: { ...created.key, key } });
    },

    async getCurrentUser(_input, { userId }) {
      const user = await store.findUser(userId);
      return user === null ? refuse("NOT_FOUND", "This user was deleted.") : answer(user);
    },

    async createApiKey({ body }, { userId }) {
      const { key, stored } = vault.newKey(body.name);
      return answer({ ...(await store.createKey(userId, stored)), key });
    },

    async listApiKeys({ query }, { userId }) {
      return answer(await pageOf(query, (page) => store.listKeys(userId, page)));
    },

    async revokeApiKey({ params: { keyId } }, { userId }) {
      const revoked = await store.revokeKey(userId, keyId);
      return revoked ? answer(undefined) : refuse("NOT_FOUND", `There is no key ${keyId} to revoke.`);
    },

    async createApplication({ body }, { userId }) {
      return answer(await store.createApplication(userId, { id: vault.newId("app"), name: body.name }));
    },

    async listApplications({ query }, { userId }) {
      return answer(await pageOf(query, (page) => store.listApplications(userId, page)));
    },

    async getApplication({ params: { applicationId } }, { userId }) {
      const application = await store.findApplication(userId, applicationId);
      if (application === null) return refuse("NOT_FOUND", `There is no application ${applicationId}.`);
      return answer(application);
    },
  };
}
