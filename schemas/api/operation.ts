import type { z } from "zod";
import type { ApiErrorCode } from "./errors.ts";

/** One operation of the REST API, as data: the server, the OpenAPI document and clients are made from it. */
export interface Operation {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  /** With `{name}` for path parameters. */
  readonly path: string;
  readonly tag: "users" | "applications" | "endpoints" | "address lists" | "deliveries" | "filters";
  readonly summary: string;
  /** `admin`: the ADMIN_KEY. `user`: a user's key, and only that user's things are seen. */
  readonly auth: "admin" | "user";
  readonly params?: z.ZodType;
  readonly query?: z.ZodType;
  readonly body?: z.ZodType;
  readonly status: 200 | 201 | 202 | 204;
  /** Absent with 204. What it does not name is never sent. */
  readonly response?: z.ZodType;
  /** Refusals of its own, beside those that every operation can answer with. */
  readonly errors: readonly ApiErrorCode[];
}

type Output<T> = T extends z.ZodType ? z.output<T> : undefined;

/** What a handler is given: parsed, defaults applied. */
export interface OperationInput<O extends Operation> {
  readonly params: Output<O["params"]>;
  readonly query: Output<O["query"]>;
  readonly body: Output<O["body"]>;
}

type Given<O extends Operation, Part extends "params" | "query" | "body"> = O[Part] extends z.ZodType
  ? { readonly [P in Part]: z.input<O[Part]> }
  : { readonly [P in Part]?: undefined };

/** What a caller sends: without what has a default. */
export type OperationCall<O extends Operation> = Given<O, "params"> & Given<O, "query"> & Given<O, "body">;

/** What a handler answers with. */
export type OperationOutput<O extends Operation> = O["response"] extends z.ZodType
  ? z.input<O["response"]>
  : undefined;

/** Can end any operation. */
export const commonErrors = [
  "INVALID_REQUEST",
  "UNAUTHENTICATED",
  "FORBIDDEN",
  "UNAVAILABLE",
  "INTERNAL",
] as const satisfies readonly ApiErrorCode[];
