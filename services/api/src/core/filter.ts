import type { Problem } from "@ethhook/schemas/api";
import { parseFilter, type FilterContext, type FilterProblem } from "@ethhook/schemas/filter";
import { answer, refuse, type Answer } from "./answer.ts";
import type { AddressListStore } from "./ports.ts";

/** Whether a filter of this user will be understood; a list that it names must be theirs. */
export type FilterChecker = (userId: string, filter: unknown) => Promise<Answer<undefined>>;

/** The lists are read only for a filter that names one. */
export function createFilterChecker(
  chains: NonNullable<FilterContext["chains"]>,
  lists: Pick<AddressListStore, "names">,
): FilterChecker {
  return async (userId, filter) => {
    const parsed = parseFilter(filter, { chains });
    const namesList = parsed.ok && parsed.filter.addresses?.kind === "list";
    return checkFilter(filter, namesList ? { chains, lists: await lists.names(userId) } : { chains });
  };
}

/**
 * Whether the matcher will understand a filter: the same code reads it there.
 * What is stored is the user's own JSON, so that they read back what they wrote.
 */
export function checkFilter(filter: unknown, context: FilterContext): Answer<undefined> {
  const parsed = parseFilter(filter, context);
  if (parsed.ok) return answer(undefined);
  const problems = parsed.problems.map(toProblem);
  const [first] = problems;
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : "";
  return refuse("INVALID_FILTER", `${first?.path}: ${first?.message}${more}`, problems);
}

function toProblem({ path, reason, suggestion }: FilterProblem): Problem {
  const dot = path === "" || path.startsWith("[") ? "" : ".";
  return {
    path: `body.filter${dot}${path}`,
    message: suggestion === null ? reason : `${reason} (${suggestion})`,
  };
}
