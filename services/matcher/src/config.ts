import {
  chainVariables,
  groupVariables,
  kafkaVariables,
  postgresVariables,
  type Config,
  type Variables,
} from "@ethhook/kit";
import { z } from "zod";

const groupNames = ["latest", "confirmed", "finalized"] as const;

/** Every setting of the matcher. */
export const matcherVariables = {
  ...kafkaVariables,
  ...postgresVariables,
  ...chainVariables,
  ...groupVariables,
  MATCHER_GROUPS: {
    schema: z
      .string()
      .transform((text) => text.split(",").map((part) => part.trim()))
      .pipe(z.array(z.enum(groupNames, `expected some of ${groupNames.join(", ")}, comma-separated`)).min(1)),
    default: "latest,confirmed,finalized",
    help: "Which finality groups this process takes part in, comma-separated: latest, confirmed, finalized. Some process must run latest: the others follow it.",
  },
} as const satisfies Variables;

export type MatcherConfig = Config<typeof matcherVariables>;
