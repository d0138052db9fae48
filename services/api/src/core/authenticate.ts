import { answer, refuse, type Answer } from "./answer.ts";
import type { Caller } from "./operations.ts";
import type { AccountStore, Vault } from "./ports.ts";

const keyForm = /^key_[a-z0-9]{24}_[a-z0-9]{52}$/;

/**
 * Who sent this request, by its `Authorization` header.
 * @param needed what the operation asks for; the other kind of key is FORBIDDEN, not UNAUTHENTICATED.
 */
export async function authenticate(
  header: string | undefined,
  needed: Caller["role"],
  accounts: Pick<AccountStore, "ownerOfKey">,
  vault: Pick<Vault, "hashKey" | "isAdminKey">,
): Promise<Answer<Caller>> {
  const key = /^Bearer +(\S+) *$/i.exec(header ?? "")?.[1];
  if (key === undefined) {
    return refuse("UNAUTHENTICATED", "Send the header `Authorization: Bearer key_…`.");
  }
  if (vault.isAdminKey(key)) {
    if (needed === "admin") return answer({ role: "admin", userId: "" });
    return refuse("FORBIDDEN", "The admin key creates users only; use the user's own key here.");
  }
  const owner = keyForm.test(key) ? await accounts.ownerOfKey(vault.hashKey(key)) : null;
  if (owner === null) return refuse("UNAUTHENTICATED", "This key is unknown or was revoked.");
  if (needed === "admin") return refuse("FORBIDDEN", "Only the admin key may do this.");
  return answer({ role: "user", userId: owner });
}
