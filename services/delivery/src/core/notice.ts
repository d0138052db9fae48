/** Trouble of an endpoint, told to the people behind it as a webhook to their operational endpoints. */
export type Notice = {
  readonly endpointId: string;
  readonly applicationId: string;
  readonly userId: string;
  /** Unix ms. */
  readonly atMs: number;
} & (
  | {
      readonly type: "endpoint.failing";
      readonly sinceMs: number;
      readonly failures: number;
      readonly lastError: string;
    }
  | { readonly type: "endpoint.recovered"; readonly sinceMs: number }
  | { readonly type: "endpoint.disabled"; readonly reason: string }
  | {
      readonly type: "delivery.exhausted";
      readonly webhookId: string;
      readonly reason: string;
      readonly detail: string;
    }
);

/** Tells people. */
export interface Notices {
  /** Best effort: a notice is about what the records show anyway. Must not throw. */
  tell(notice: Notice): void;
}
