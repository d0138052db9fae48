import type { OperationId, OperationInput, OperationOutput, Operations } from "@ethhook/schemas/api";
import type { Answer } from "./answer.ts";

/** Who asks. `userId` is empty for the administrator, who owns nothing. */
export interface Caller {
  readonly role: "admin" | "user";
  readonly userId: string;
}

/** What the server calls for one operation of the contract. */
export type Handler<K extends OperationId> = (
  input: OperationInput<Operations[K]>,
  caller: Caller,
) => Promise<Answer<OperationOutput<Operations[K]>>>;

export type Handlers = { readonly [K in OperationId]: Handler<K> };
