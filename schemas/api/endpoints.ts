import { z } from "zod";
import { finality, payloadFormat } from "../messages/fields.ts";
import { endpointSettings, type EndpointSettings } from "./endpoint-settings.ts";
import { applicationId, endpointId, instant, pageQuery } from "./fields.ts";

/** Where webhooks go. Which scheme, port and address a deployment allows is its configuration. */
const url = z
  .string()
  .max(2048, "at most 2048 characters")
  .superRefine((text, context) => {
    const reason = urlProblem(text);
    if (reason !== null) context.addIssue({ code: "custom", message: reason });
  })
  .meta({
    format: "uri",
    description: "https, without credentials or fragment; http only where the deployment allows it",
  });

function urlProblem(text: string): string | null {
  if (!URL.canParse(text)) return "not a URL: expected https://host/path";
  const parsed = new URL(text);
  if (parsed.protocol !== "https:" && parsed.protocol !== "http:") return "expected https:// or http://";
  if (parsed.username !== "" || parsed.password !== "") {
    return "must not carry a user or password: use a custom header instead";
  }
  return parsed.hash === "" ? null : "must not have a fragment (#…): it is never sent";
}

/** Read by `parseFilter`, which says where and why a filter is wrong. */
const filter = z
  .record(z.string(), z.unknown())
  .meta({ description: "Which logs: chains, addresses, topics or an event with conditions" });

/**
 * A secret that receivers have already. Its bytes are those of the base64 after `whsec_`, or of the text itself: the system before
 * EthHook had any text. Messages do not repeat it.
 */
const givenSecret = z
  .string()
  .superRefine((text, context) => {
    const reason = secretProblem(text);
    if (reason !== null) context.addIssue({ code: "custom", message: reason });
  })
  .optional()
  .meta({
    writeOnly: true,
    description:
      "A secret that the receiver has already: `whsec_` and base64 of 24 to 64 bytes, or 16 to 256 printable characters. Without it, one is made",
  });

function secretProblem(text: string): string | null {
  if (!text.startsWith("whsec_")) {
    return /^\P{C}{16,256}$/u.test(text)
      ? null
      : "expected 16 to 256 printable characters, or whsec_ and base64";
  }
  const encoded = text.slice("whsec_".length);
  const bytes = Buffer.from(encoded, "base64");
  if (bytes.toString("base64") !== encoded) return "expected base64 after whsec_, with its padding";
  return bytes.length >= 24 && bytes.length <= 64
    ? null
    : "expected 24 to 64 bytes in the base64 after whsec_";
}

/** What an endpoint hears of, and how it is told. */
const subscriptionFields = {
  filter,
  finality: finality.default("latest"),
  format: payloadFormat.default("standard"),
  /** Whether the endpoint is also told when a reorg takes a log back. */
  sendRemoved: z.boolean().default(true),
};

/** `enabled`, `paused` by its owner, or `disabled` by EthHook; matches of the last two wait, none is lost. */
export const endpointStatus = z.enum(["enabled", "paused", "disabled"]);
export type EndpointStatus = z.infer<typeof endpointStatus>;

export const newEndpoint = z.strictObject({
  url,
  description: z.string().max(1000).default(""),
  ...subscriptionFields,
  delivery: endpointSettings.prefault({}),
  secret: givenSecret,
});
export type NewEndpoint = z.infer<typeof newEndpoint>;

type SettingsPatch = { readonly [K in keyof EndpointSettings]?: EndpointSettings[K] | undefined };

/** Settings without their defaults: in a patch, what is absent stays as it is. */
const settingsPatch = z.strictObject(
  Object.fromEntries(
    Object.entries(endpointSettings.shape).map(([name, setting]) => [name, setting.unwrap().optional()]),
  ),
) as unknown as z.ZodType<SettingsPatch>;

/** Every field is optional; what is absent stays as it is. */
export const endpointPatch = z
  .strictObject({
    url: url.optional(),
    description: z.string().max(1000).optional(),
    filter: filter.optional(),
    finality: finality.optional(),
    format: payloadFormat.optional(),
    sendRemoved: z.boolean().optional(),
    delivery: settingsPatch.optional(),
  })
  .refine((patch) => Object.keys(patch).length > 0, "names no field to change");
export type EndpointPatch = z.infer<typeof endpointPatch>;

export const endpointResource = z
  .object({
    id: endpointId,
    applicationId,
    url: z.string(),
    description: z.string(),
    status: endpointStatus,
    disabledReason: z.string().nullable(),
    filter: z.unknown(),
    finality,
    format: payloadFormat,
    sendRemoved: z.boolean(),
    delivery: endpointSettings,
    /** The version of the filter set that this subscription came with. */
    filterVersion: z.int(),
    createdAt: instant,
    updatedAt: instant,
  })
  .meta({ id: "Endpoint" });
export type EndpointResource = z.infer<typeof endpointResource>;

const secret = z.string().optional().meta({
  description:
    "`whsec_…`: verify signatures with it; shown once, stored encrypted. Absent when the request brought one",
});

export const createdEndpoint = endpointResource.extend({ secret }).meta({ id: "CreatedEndpoint" });

export const endpointQuery = pageQuery.extend({
  applicationId: applicationId.optional(),
  status: endpointStatus.optional(),
});
export type EndpointQuery = z.infer<typeof endpointQuery>;

/** How long the old secret goes on signing beside the new one. */
export const rotationOverlapHoursDefault = 24;
export const rotateSecret = z.strictObject({
  overlapHours: z
    .number()
    .min(0)
    .max(24 * 7)
    .default(rotationOverlapHoursDefault),
  secret: givenSecret,
});

export const rotatedSecret = z
  .object({ endpointId, secret, previousExpiresAt: instant })
  .meta({ id: "RotatedSecret" });
