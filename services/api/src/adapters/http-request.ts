import type { Operation, Problem } from "@ethhook/schemas/api";
import type { z } from "zod";
import { answer, refuse, type Answer } from "../core/answer.ts";

/** The parts of a request as they arrived. */
export interface RawInput {
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
}

const parts = ["params", "query", "body"] as const;

/** Checks every part of a request against the contract and reports all that is wrong together. */
export function readInput(operation: Operation, raw: RawInput): Answer<RawInput> {
  const problems: Problem[] = [];
  const input: Record<(typeof parts)[number], unknown> = {
    params: undefined,
    query: undefined,
    body: undefined,
  };
  for (const part of parts) {
    const schema = operation[part];
    if (schema === undefined) continue;
    // An operation whose body has a default for everything may be called without one.
    const checked = schema.safeParse(raw[part] ?? {});
    if (checked.success) input[part] = checked.data;
    else problems.push(...checked.error.issues.map((issue) => problemOf(part, issue)));
  }
  if (problems.length === 0) return answer(input);
  const [first] = problems;
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : "";
  return refuse("INVALID_REQUEST", `${first?.path}: ${first?.message}${more}`, problems);
}

function problemOf(part: string, issue: z.core.$ZodIssue): Problem {
  const path = issue.path
    .map((step) => (typeof step === "number" ? `[${step}]` : `.${String(step)}`))
    .join("");
  return { path: `${part}${path}`, message: issue.message };
}
