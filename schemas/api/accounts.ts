import { z } from "zod";
import { applicationId, instant, keyId, label, userId } from "./fields.ts";

/** A person or team that owns applications. */
export const userResource = z
  .object({ id: userId, email: z.email(), name: z.string(), createdAt: instant })
  .meta({ id: "User" });
export type UserResource = z.infer<typeof userResource>;

export const newUser = z.strictObject({
  email: z.email("expected an e-mail address").max(320),
  name: z.string().trim().max(200).default(""),
});

/** A key as it is listed: its secret part is never shown again. */
export const apiKeyResource = z
  .object({ id: keyId, name: z.string(), createdAt: instant, revokedAt: instant.nullable() })
  .meta({ id: "ApiKey" });
export type ApiKeyResource = z.infer<typeof apiKeyResource>;

/** A key at its creation, the only time that the whole of it is shown. */
export const createdApiKey = apiKeyResource
  .extend({ key: z.string().meta({ description: "The whole key; shown once" }) })
  .meta({ id: "CreatedApiKey" });

export const createdUser = z
  .object({ user: userResource, apiKey: createdApiKey })
  .meta({ id: "CreatedUser" });

export const newApiKey = z.strictObject({ name: z.string().trim().max(200).default("") });

/** A group of endpoints: a product or an environment of its owner. */
export const applicationResource = z
  .object({ id: applicationId, name: z.string(), createdAt: instant })
  .meta({ id: "Application" });
export type ApplicationResource = z.infer<typeof applicationResource>;

export const newApplication = z.strictObject({ name: label });
