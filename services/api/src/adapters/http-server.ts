import { randomUUID } from "node:crypto";
import { PipelineError } from "@ethhook/schemas";
import {
  apiErrorCatalogue,
  openApiDocument,
  operations,
  type ErrorBody,
  type Operation,
  type OperationId,
} from "@ethhook/schemas/api";
import type { ServiceDeps } from "@ethhook/kit";
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { refuse, type Answer, type Refusal } from "../core/answer.ts";
import type { Caller, Handlers } from "../core/operations.ts";
import { readInput } from "./http-request.ts";

/** A filter may list 100,000 addresses of 45 bytes; anything longer belongs in a list of its own. */
export const bodyBytesMax = 8 * 1024 * 1024;
const requestTimeoutMs = 30_000;

export interface HttpServerDeps {
  readonly handlers: Handlers;
  readonly authenticate: (header: string | undefined, needed: Caller["role"]) => Promise<Answer<Caller>>;
  readonly logger: ServiceDeps["logger"];
  readonly metrics: ServiceDeps["metrics"];
  readonly version: string;
  /** Routes beside the contract: health and metrics. */
  readonly addRoutes: (app: FastifyInstance) => void;
}

type AnyHandler = (input: unknown, caller: Caller) => Promise<Answer<unknown>>;

/** The REST server over the operations of the contract. Listens to nothing until told to. */
export async function createHttpServer(deps: HttpServerDeps): Promise<FastifyInstance> {
  const app = fastify({
    bodyLimit: bodyBytesMax,
    requestTimeout: requestTimeoutMs,
    exposeHeadRoutes: false,
    genReqId: () => randomUUID(),
  });
  const parseJson = app.getDefaultJsonParser("error", "error");
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "string" }, (request, text, done) => {
    if (text === "") done(null, undefined);
    else void parseJson(request, text as string, done);
  });
  app.setErrorHandler((error, request, reply) => refuseWith(reply, refusalOf(error, request, deps.logger)));
  app.setNotFoundHandler((request, reply) =>
    refuseWith(reply, refuse("NOT_FOUND", `There is no operation ${request.method} ${pathOf(request)}.`)),
  );
  const document = openApiDocument(deps.version);
  app.get("/openapi.json", async () => document);
  for (const [id, operation] of Object.entries(operations) as [OperationId, Operation][]) {
    addRoute(app, id, operation, deps);
  }
  deps.addRoutes(app);
  await app.ready();
  return app;
}

function addRoute(app: FastifyInstance, id: OperationId, operation: Operation, deps: HttpServerDeps): void {
  // The contract ties each handler's types to its operation; over the loop that tie is lost to the compiler.
  const handler = deps.handlers[id] as unknown as AnyHandler;
  const requests = deps.metrics.counter("ethhook_api_requests_total");
  const duration = deps.metrics.histogram("ethhook_api_request_duration_seconds");
  app.route({
    method: operation.method,
    url: operation.path.replaceAll(/\{(\w+)\}/g, ":$1"),
    onResponse: async (request, reply) => {
      const seconds = reply.elapsedTime / 1000;
      requests.inc({ operation: id, status: String(reply.statusCode) });
      duration.observe(seconds, { operation: id });
      deps.logger.info(
        {
          event: "request.finished",
          requestId: request.id,
          operation: id,
          status: reply.statusCode,
          durationMs: reply.elapsedTime,
        },
        `${id} ${reply.statusCode}`,
      );
    },
    handler: async (request, reply) => {
      const caller = await deps.authenticate(request.headers.authorization, operation.auth);
      if (!caller.ok) return refuseWith(reply, caller);
      const input = readInput(operation, request);
      if (!input.ok) return refuseWith(reply, input);
      const result = await handler(input.value, caller.value);
      if (!result.ok) return refuseWith(reply, result);
      reply.code(operation.status).header("x-request-id", request.id);
      return operation.response === undefined
        ? reply.send()
        : reply.send(operation.response.parse(result.value));
    },
  });
}

function refuseWith(reply: FastifyReply, { code, message, problems }: Refusal): FastifyReply {
  const body: ErrorBody = { error: { code, message, ...(problems ? { problems: [...problems] } : {}) } };
  if (code === "UNAUTHENTICATED") reply.header("www-authenticate", "Bearer");
  return reply.code(apiErrorCatalogue[code].status).header("x-request-id", reply.request.id).send(body);
}

/** What went wrong, in words that a caller may see. The cause goes to the log only. */
function refusalOf(error: unknown, request: FastifyRequest, logger: ServiceDeps["logger"]): Refusal {
  const { code, statusCode, message } = error as { code?: string; statusCode?: number; message?: string };
  if (code === "FST_ERR_CTP_BODY_TOO_LARGE") {
    return refuse("BODY_TOO_LARGE", `A body has at most ${bodyBytesMax} bytes.`);
  }
  if (code === "FST_ERR_CTP_INVALID_MEDIA_TYPE") {
    return refuse("INVALID_REQUEST", "Send a body as `content-type: application/json`.");
  }
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return refuse("INVALID_REQUEST", message ?? "The request cannot be read.");
  }
  if (error instanceof PipelineError && error.disposition === "retry") {
    logger.error({ event: "request.unavailable", requestId: request.id, err: error }, error.message);
    return refuse("UNAVAILABLE", "A store behind the API does not answer. Try again.");
  }
  logger.error({ event: "request.failed", requestId: request.id, err: error }, message ?? "unknown");
  return refuse("INTERNAL", `The API failed; its log has the cause under request ${request.id}.`);
}

function pathOf(request: FastifyRequest): string {
  return request.url.split("?")[0] ?? request.url;
}
