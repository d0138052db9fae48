import type { Variables } from "./config.ts";

/** The `--help` of a service: every variable with its default and meaning. */
export function describeVariables(name: string, variables: Variables): string {
  const rows = Object.entries(variables).map(([variable, { default: fallback, help, secret }]) => ({
    variable,
    fallback:
      fallback === undefined
        ? "(required)"
        : (fallback && secret && "(a local default)") || fallback || "(empty)",
    help,
  }));
  const wide = Math.max(8, ...rows.map((row) => row.variable.length));
  const lines = rows.map(
    (row) => `  ${row.variable.padEnd(wide)}  ${row.help}\n  ${" ".repeat(wide)}  default: ${row.fallback}`,
  );
  return [`ethhook ${name}: configured by environment variables.`, "", ...lines, ""].join("\n");
}
