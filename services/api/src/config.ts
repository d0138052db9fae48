import {
  addressVariables,
  chainVariables,
  clickhouseVariables,
  httpVariables,
  kafkaVariables,
  logVariables,
  postgresVariables,
  secretsVariables,
  type Config,
  type Variables,
} from "@ethhook/kit";
import { z } from "zod";

/** Shorter keys can be guessed. */
const adminKeyLengthMin = 16;

/** Every environment variable of the API. */
export const variables = {
  ...logVariables,
  ...httpVariables(3000),
  ...postgresVariables,
  ...clickhouseVariables,
  ...kafkaVariables,
  ...secretsVariables,
  ...addressVariables,
  ...chainVariables,
  ADMIN_KEY: {
    schema: z
      .string()
      .refine(
        (key) => key === "" || key.length >= adminKeyLengthMin,
        `expected at least ${adminKeyLengthMin} characters`,
      ),
    default: "",
    help: "Key that creates users, as `Authorization: Bearer …`. Without it, no user can be created.",
    secret: true,
  },
} as const satisfies Variables;

export type ApiConfig = Config<typeof variables>;
