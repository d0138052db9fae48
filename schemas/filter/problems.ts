import type { FilterProblem } from "./types.ts";

/** Problems of one filter, collected so that a user sees all of them at once. */
export interface Problems {
  readonly list: readonly FilterProblem[];
  /** Records a problem and returns `undefined`, so that a parser can `return problems.add(…)`. */
  add(path: string, reason: string, suggestion?: string | null): undefined;
}

/** More than this many are not shown: the first ones say enough. */
const problemsMax = 50;

export function createProblems(): Problems {
  const list: FilterProblem[] = [];
  return {
    list,
    add(path, reason, suggestion = null) {
      if (list.length < problemsMax) list.push({ path, reason, suggestion });
      return undefined;
    },
  };
}

/** `a.b`, or `b` at the top. */
export function joinPath(parent: string, key: string): string {
  return parent === "" ? key : `${parent}.${key}`;
}

/** A value as it is shown in a problem: short, and never an object's insides. */
export function shown(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (value !== null && typeof value === "object") return "an object";
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}
