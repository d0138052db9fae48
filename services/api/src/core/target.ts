import { answer, refuse, type Answer } from "./answer.ts";
import type { TargetPolicy } from "./ports.ts";

/**
 * Whether webhooks may go to a URL, as far as it says so itself: delivery would dead-letter each of them otherwise. What a name
 * resolves to is judged there, at each connection.
 */
export function checkTarget(policy: TargetPolicy, url: string | undefined): Answer<undefined> {
  const refusal = url === undefined ? null : policy.checkUrl(new URL(url));
  if (refusal === null) return answer(undefined);
  const problem = { path: "body.url", message: refusal.message };
  return refuse("INVALID_REQUEST", `${problem.path}: ${problem.message}`, [problem]);
}
