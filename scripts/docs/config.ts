import type { Variables } from "@ethhook/kit";
import { code, document, table } from "./markdown.ts";

export interface ServiceReference {
  readonly variables: Variables;
  /** Default of its HTTP_PORT. */
  readonly port: number;
}

/**
 * @param common variables that every service has.
 * @param services by name; what they have in common is left out of theirs.
 * @param commands variables that only a command has, by how it is called.
 */
export function configDocument(
  common: Variables,
  services: Readonly<Record<string, ServiceReference>>,
  commands: Readonly<Record<string, Variables>>,
): string {
  const ports = Object.entries(services).map(([name, { port }]) => `${name} ${port}`);
  return document("Configuration", "each service's `src/config.ts`, and what commands have beside it", [
    "Services read environment variables, once, when they start. An empty variable counts as absent. Every problem is" +
      " reported together, and the process exits with 1. `node services/<name>/src/main.ts --help` prints the same.",
    "## Every service",
    variablesTable(common),
    `Default of \`HTTP_PORT\`: ${ports.join(", ")}.`,
    ...Object.entries(services).flatMap(([name, { variables }]) => {
      const own = Object.entries(variables).filter(([variable]) => !(variable in common));
      return [`## ${name}`, variablesTable(Object.fromEntries(own))];
    }),
    ...Object.entries(commands).flatMap(([command, variables]) => [
      `## ${code(command)}`,
      "Beside the addresses of the servers, which it reads as the services do.",
      variablesTable(variables),
    ]),
  ]);
}

/** Variables that each chain has are shown once: `ETHEREUM_WS_URL` as `<CHAIN>_WS_URL`. */
function variablesTable(variables: Variables): string {
  const shown = Object.entries(variables).filter(([name]) => {
    const [, suffix] = /^[A-Z0-9]+_(.+)$/.exec(name) ?? [];
    return name.startsWith("ETHEREUM_") || !(`ETHEREUM_${suffix}` in variables);
  });
  return table(
    ["Variable", "Default", "Meaning"],
    shown.map(([name, variable]) =>
      name.startsWith("ETHEREUM_")
        ? [
            code(name.replace("ETHEREUM", "<CHAIN>")),
            defaultOf(variable),
            variable.help
              .replaceAll("ethereum providers", "providers of the chain")
              .replaceAll("ethereum", "the chain"),
          ]
        : [code(name), defaultOf(variable), variable.help],
    ),
  );
}

function defaultOf(variable: Variables[string]): string {
  if (variable.default === undefined) return "required";
  if (variable.default === "") return "empty";
  return variable.secret === true ? "a local default" : code(variable.default);
}
