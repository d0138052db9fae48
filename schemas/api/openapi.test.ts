import { expect, test } from "vitest";
import { openApiDocument } from "./openapi.ts";
import { operations } from "./operations.ts";
import type { Operation } from "./operation.ts";

interface Described {
  readonly parameters: readonly { readonly name: string; readonly in: string }[];
  readonly responses: Record<string, unknown>;
}
const document = openApiDocument("0.0.0") as {
  paths: Record<string, Record<string, Described>>;
  components: { schemas: Record<string, unknown> };
};

test("every operation of the contract is described, with its path parameters and refusals", () => {
  for (const operation of Object.values(operations) as Operation[]) {
    const described = document.paths[operation.path]?.[operation.method.toLowerCase()];
    const inPath = described?.parameters.filter((parameter) => parameter.in === "path") ?? [];
    const named = [...operation.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    expect(inPath.map(({ name }) => name)).toEqual(named);
    expect(Object.keys(described?.responses ?? {})).toEqual(
      expect.arrayContaining([String(operation.status), "400", "401", "403", "500", "503"]),
    );
  }
});

test("every reference leads to a component", () => {
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(([, target]) => target);
  expect(references).not.toEqual([]);
  for (const target of references) {
    const name = target?.replace("#/components/schemas/", "") ?? "";
    expect(Object.keys(document.components.schemas)).toContain(name);
  }
});

test("a secret is part of an answer only where one is created", () => {
  const withSecret = Object.entries(document.components.schemas)
    .filter(([, schema]) => /"(secret|key)":\{/.test(JSON.stringify(schema)))
    .map(([name]) => name);
  expect(withSecret.toSorted()).toEqual(["CreatedApiKey", "CreatedEndpoint", "RotatedSecret"]);
});
