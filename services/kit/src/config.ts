import { PipelineError } from "@ethhook/schemas";
import type { z } from "zod";

/** One environment variable: how it is read, what it is when absent, and what it means to a person. */
export interface Variable<T = unknown> {
  /** Reads the variable's text. */
  readonly schema: z.ZodType<T, string>;
  /** Text that stands in for an absent variable. Without one, the variable is required. */
  readonly default?: string;
  /** One sentence for the reference and `--help`, unit included. */
  readonly help: string;
  /** Never printed, never logged. */
  readonly secret?: true;
}

export type Variables = Readonly<Record<string, Variable>>;
export type Config<V extends Variables> = {
  readonly [K in keyof V]: V[K] extends Variable<infer T> ? T : never;
};

/**
 * Parses the environment once, in `main`. An empty variable counts as absent.
 * @throws PipelineError `CONFIG_INVALID` that names every wrong variable, what was expected, and its meaning.
 */
export function loadConfig<const V extends Variables>(
  variables: V,
  env: Readonly<Record<string, string | undefined>>,
): Config<V> {
  const values: Record<string, unknown> = {};
  const problems: string[] = [];
  for (const [name, variable] of Object.entries(variables)) {
    const text = env[name] || variable.default;
    if (text === undefined) {
      problems.push(`${name} is not set: ${variable.help}`);
      continue;
    }
    const parsed = variable.schema.safeParse(text);
    if (parsed.success) values[name] = parsed.data;
    else problems.push(problemOf(name, text, variable, parsed.error));
  }
  if (problems.length > 0) {
    throw new PipelineError(
      "CONFIG_INVALID",
      "crash",
      `Configuration is wrong:\n  - ${problems.join("\n  - ")}`,
    );
  }
  return values as Config<V>;
}

function problemOf(name: string, text: string, variable: Variable, error: z.ZodError): string {
  const shown = variable.secret ? "(hidden)" : JSON.stringify(text);
  return `${name}=${shown}: ${error.issues.map((issue) => issue.message).join("; ")}. ${variable.help}`;
}
