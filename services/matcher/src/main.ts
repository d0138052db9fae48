import { runMain } from "@ethhook/kit";
import { matcherVariables } from "./config.ts";
import { createMatcher } from "./service.ts";

await runMain({
  name: "matcher",
  variables: matcherVariables,
  healthPort: 9465,
  create: createMatcher,
});
