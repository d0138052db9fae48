import { z } from "zod";
import { apiErrorCatalogue, type ApiErrorCode } from "./errors.ts";
import { problem } from "./fields.ts";
import { commonErrors, type Operation } from "./operation.ts";
import { operations } from "./operations.ts";

/** Every refusal has this body; it never holds a stack. */
export const errorBody = z
  .object({
    error: z.object({
      code: z.string().meta({ description: "Stable; listed with meaning and action in the error catalogue" }),
      message: z.string(),
      problems: z.array(problem).optional(),
    }),
  })
  .meta({ id: "Error" });
export type ErrorBody = z.infer<typeof errorBody>;

type Json = Record<string, unknown>;

/** The OpenAPI 3.1 document of the REST API, made from the same schemas that the server checks with. */
export function openApiDocument(version: string): Json {
  const components: Json = {};
  const paths: Record<string, Json> = {};
  for (const [operationId, operation] of Object.entries(operations) as [string, Operation][]) {
    const path = (paths[operation.path] ??= {});
    path[operation.method.toLowerCase()] = describe(operationId, operation, components);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "EthHook",
      version,
      description: "Chain-event webhooks: users, applications, endpoints and their filters.",
      license: { name: "MIT", identifier: "MIT" },
    },
    security: [{ key: [] }],
    paths,
    components: {
      securitySchemes: {
        key: {
          type: "http",
          scheme: "bearer",
          description: "A user's `key_…`; the ADMIN_KEY to create users",
        },
      },
      schemas: components,
    },
  };
}

function describe(operationId: string, operation: Operation, components: Json): Json {
  const json = (schema: z.ZodType, io: "input" | "output") => ({
    content: { "application/json": { schema: jsonSchema(schema, io, components) } },
  });
  const responses: Json = {
    [operation.status]: {
      description: operation.summary,
      ...(operation.response ? json(operation.response, "output") : {}),
    },
  };
  for (const [status, codes] of refusals(operation)) {
    const meanings = codes.map((code) => `\`${code}\`: ${apiErrorCatalogue[code].meaning}`);
    responses[status] = { description: meanings.join("\n\n"), ...json(errorBody, "output") };
  }
  return {
    operationId,
    tags: [operation.tag],
    summary: operation.summary,
    parameters: [
      ...parameters("path", operation.params, components),
      ...parameters("query", operation.query, components),
    ],
    ...(operation.body ? { requestBody: { required: true, ...json(operation.body, "input") } } : {}),
    responses,
  };
}

function refusals(operation: Operation): Map<number, ApiErrorCode[]> {
  const byStatus = new Map<number, ApiErrorCode[]>();
  for (const code of new Set<ApiErrorCode>([...commonErrors, ...operation.errors])) {
    const { status } = apiErrorCatalogue[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return new Map([...byStatus].toSorted(([a], [b]) => a - b));
}

function parameters(place: "path" | "query", schema: z.ZodType | undefined, components: Json): Json[] {
  if (schema === undefined) return [];
  const { properties = {}, required = [] } = jsonSchema(schema, "input", components) as {
    properties?: Record<string, Json>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, property]) => ({
    name,
    in: place,
    required: place === "path" || required.includes(name),
    schema: property,
  }));
}

/** Inlines the schema; what has an id goes to `components` once and is referred to. */
function jsonSchema(schema: z.ZodType, io: "input" | "output", components: Json): Json {
  const {
    $defs,
    $schema: _dialect,
    id,
    ...inline
  } = z.toJSONSchema(schema, {
    io,
    unrepresentable: "any",
    reused: "inline",
    target: "draft-2020-12",
  }) as Json & { $defs?: Record<string, Json> };
  for (const [name, definition] of Object.entries($defs ?? {})) {
    components[name] = withComponentRefs(withoutId(definition));
  }
  const resolved = withComponentRefs(inline);
  if (typeof id !== "string") return resolved;
  components[id] = resolved;
  return { $ref: `#/components/schemas/${id}` };
}

function withoutId({ id: _id, ...rest }: Json): Json {
  return rest;
}

function withComponentRefs(value: Json): Json {
  const text = JSON.stringify(value).replaceAll('"#/$defs/', '"#/components/schemas/');
  return JSON.parse(text) as Json;
}
