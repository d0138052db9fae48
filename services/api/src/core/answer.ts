import type { ApiErrorCode, Problem } from "@ethhook/schemas/api";

/** What an operation ends with: a value or a refusal that the caller can act on. Throws are bugs. */
export type Answer<T> = { readonly ok: true; readonly value: T } | Refusal;

export interface Refusal {
  readonly ok: false;
  readonly code: ApiErrorCode;
  readonly message: string;
  readonly problems?: readonly Problem[];
}

export function answer<T>(value: T): Answer<T> {
  return { ok: true, value };
}

export function refuse(code: ApiErrorCode, message: string, problems?: readonly Problem[]): Refusal {
  return problems === undefined ? { ok: false, code, message } : { ok: false, code, message, problems };
}
