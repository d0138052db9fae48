import { z } from "zod";

/** Ids are a prefix that names the kind and 24 random lower-case characters. */
const id = (prefix: string, what: string) =>
  z
    .string()
    .regex(new RegExp(`^${prefix}_[a-z0-9]{24}$`), `expected ${prefix}_ and 24 lower-case letters or digits`)
    .meta({ description: `Id of ${what}` });

export const userId = id("usr", "a user");
export const keyId = id("key", "an API key");
export const applicationId = id("app", "an application");
export const endpointId = id("ep", "an endpoint");

/** RFC 3339 in UTC, to the millisecond. */
export const instant = z.iso.datetime().meta({ description: "RFC 3339, UTC" });

/** A name or title that people give. */
export const label = z.string().trim().min(1, "must not be empty").max(200, "at most 200 characters");

/** Items of one page, when the caller does not say. */
export const pageSizeDefault = 50;
export const pageSizeMax = 200;

/** Query of every list: newest last, `after` is the id of the last item of the page before. */
export const pageQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(pageSizeMax).default(pageSizeDefault),
  after: z.string().max(64).optional(),
});

/** One page. `next` is the `after` of the following page, null at the end. */
export function pageOf<T extends z.ZodType>(item: T) {
  return z.object({ items: z.array(item), next: z.string().nullable() });
}

/** Where a request is wrong, and how. */
export const problem = z.object({
  path: z.string().meta({ description: "Place in the request, as `body.filter.addresses[2]`" }),
  message: z.string(),
});
export type Problem = z.infer<typeof problem>;
