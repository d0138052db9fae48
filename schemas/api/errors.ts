/** The refusals of the REST API: their HTTP status, what they mean and what a caller can do. Part of the error catalogue. */
export const apiErrorCatalogue = {
  INVALID_REQUEST: {
    status: 400,
    meaning: "The path, query or body is not what the operation takes; `problems` names each place.",
    action: "Correct the named fields. /openapi.json describes every operation.",
  },
  INVALID_FILTER: {
    status: 400,
    meaning: "The filter cannot be read; `problems` names the place and the reason.",
    action: "Correct the filter at the named place.",
  },
  UNAUTHENTICATED: {
    status: 401,
    meaning: "The request carries no valid key.",
    action: "Send `Authorization: Bearer key_…` with a key that was not revoked.",
  },
  FORBIDDEN: {
    status: 403,
    meaning: "The key is valid, but not for this operation.",
    action: "Users are created with the ADMIN_KEY of the API process; all else with a user's own key.",
  },
  NOT_FOUND: {
    status: 404,
    meaning: "There is no such thing, or it belongs to somebody else.",
    action: "Check the id and the path; the list operations show what there is.",
  },
  CONFLICT: {
    status: 409,
    meaning: "The change contradicts what is stored.",
    action: "Read the current state and decide again.",
  },
  BODY_TOO_LARGE: {
    status: 413,
    meaning: "The body is larger than the API reads.",
    action: "Send less at once; the limit is in the message.",
  },
  UNAVAILABLE: {
    status: 503,
    meaning: "A store behind the API does not answer; nothing was changed.",
    action: "Try again. If it lasts, look at /readyz of the API and at the named store.",
  },
  INTERNAL: {
    status: 500,
    meaning:
      "A bug: the API failed in a way that nobody foresaw. The process's log holds the cause under the request's id.",
    action: "Report it with the request id of the `x-request-id` header.",
  },
} as const;

export type ApiErrorCode = keyof typeof apiErrorCatalogue;
