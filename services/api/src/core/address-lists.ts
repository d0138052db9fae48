import { addressListSizeMax } from "@ethhook/schemas/api";
import { answer, refuse } from "./answer.ts";
import type { Handlers } from "./operations.ts";
import { pageOfTexts } from "./page.ts";
import type { AddressListStore } from "./ports.ts";

type AddressListHandlers = Pick<Handlers, "changeAddressList" | "listAddressLists" | "listAddresses">;

/** Named lists of contracts that a user's filters share. */
export function createAddressLists(store: AddressListStore): AddressListHandlers {
  return {
    async changeAddressList({ params: { name }, body: { add, remove } }, { userId }) {
      const changed = await store.change(userId, name, add, remove);
      if (changed !== null) return answer(changed);
      return refuse("CONFLICT", `${name} would have more than ${addressListSizeMax} addresses.`);
    },

    async listAddressLists(_input, { userId }) {
      return answer({ items: [...(await store.list(userId))] });
    },

    async listAddresses({ params: { name }, query }, { userId }) {
      const page = await pageOfTexts(query, (asked) => store.addresses(userId, name, asked));
      return page === null ? refuse("NOT_FOUND", `There is no list ${name}.`) : answer(page);
    },
  };
}
