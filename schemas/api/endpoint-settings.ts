import { z } from "zod";

/** Delays before attempt 1, 2, 3 …, in seconds, as Standard Webhooks proposes them: about three days in all. */
export const retryScheduleSecondsDefault = [
  0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400,
] as const;

/** Headers that carry the exchange itself or its signature: a custom one must not replace them. */
const reservedHeaders = new Set([
  "host",
  "connection",
  "keep-alive",
  "transfer-encoding",
  "te",
  "trailer",
  "upgrade",
  "expect",
  "proxy-connection",
  "user-agent",
  "accept-encoding",
  "x-webhook-signature",
]);
const reservedPrefixes = ["webhook-", "ethhook-", "content-"];
const headerNameText = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,100}$/;
const headerValueText = /^[\t\x20-\x7e]{0,4096}$/;

const customHeaders = z
  .record(z.string(), z.string())
  .superRefine((headers, context) => {
    const names = Object.keys(headers);
    if (names.length > 20) context.addIssue({ code: "custom", message: "at most 20 headers" });
    for (const name of names) {
      const problem = headerProblem(name, headers[name] ?? "");
      if (problem !== null) context.addIssue({ code: "custom", path: [name], message: problem });
    }
  })
  .meta({ description: "Sent with each webhook, as `Authorization` for a gateway" });

function headerProblem(name: string, value: string): string | null {
  if (!headerNameText.test(name)) return "not a header name";
  const lower = name.toLowerCase();
  if (reservedHeaders.has(lower) || reservedPrefixes.some((prefix) => lower.startsWith(prefix))) {
    return "reserved: EthHook sets it";
  }
  return headerValueText.test(value) ? null : "a header's value is printable ASCII, at most 4096 characters";
}

/** In which order an endpoint hears of its events. With an order, an event waits for the one before to succeed or be given up. */
export const ordering = z.enum(["none", "endpoint", "contract"]);
export type Ordering = z.infer<typeof ordering>;

/** `block`: one POST with all matches of a block. */
export const batching = z.enum(["none", "block"]);

/**
 * How an endpoint is told: stored as `endpoints.delivery`. Everything has a default, so `{}` is a whole setting.
 * An unknown field is an error for whoever writes it; the delivery service reads by `readEndpointSettings`.
 */
export const endpointSettings = z.strictObject({
  headers: customHeaders.default({}),
  /** POSTs to this endpoint at the same time, at most. With an order, 1 per ordered sequence. */
  concurrency: z.int().min(1).max(100).default(10),
  /** POSTs per second, at most; null for no limit. Bursts of one second's worth are let through. */
  ratePerSecond: z.number().min(0.01).max(10_000).nullable().default(null),
  ordering: ordering.default("none"),
  batch: batching.default("none"),
  /** A batch is cut at these. */
  batchBytesMax: z.int().min(4_096).max(4_194_304).default(262_144),
  batchEventsMax: z.int().min(2).max(1_000).default(200),
  /** Seconds before attempt 1, 2, …; their number is the number of attempts. Null for the default of three days. */
  retryScheduleSeconds: z.array(z.number().min(0).max(604_800)).min(1).max(30).nullable().default(null),
  /** The whole exchange, body included. */
  timeoutMs: z.int().min(1_000).max(30_000).default(30_000),
  /** Compress the request's body; the signature is of the body before compression. */
  gzip: z.boolean().default(false),
  breaker: z
    .strictObject({
      /** Failures within a minute, without a success between, that open it. */
      failures: z.int().min(1).max(100).default(5),
      /** How long it stays open before one probe. */
      openSeconds: z.int().min(1).max(3_600).default(60),
    })
    .prefault({}),
  /** Also hears of the troubles of its application's endpoints: failing, recovered, disabled, exhausted. */
  operationalEvents: z.boolean().default(false),
});

/** Every setting, defaults filled in. */
export type EndpointSettings = z.infer<typeof endpointSettings>;
/** What a person writes: any of the settings. */
export type EndpointSettingsInput = z.input<typeof endpointSettings>;

export const endpointSettingsDefault: EndpointSettings = endpointSettings.parse({});

/**
 * Reads stored settings as far as this version understands them: a field that it does not know or cannot read takes its default,
 * so that one bad field never stops an endpoint.
 */
export function readEndpointSettings(stored: unknown): EndpointSettings {
  const whole = endpointSettings.safeParse(stored);
  if (whole.success) return whole.data;
  if (typeof stored !== "object" || stored === null) return endpointSettingsDefault;
  const settings: Record<string, unknown> = {};
  const fields = { ...stored, headers: readHeaders((stored as { headers?: unknown }).headers) };
  for (const [name, schema] of Object.entries(endpointSettings.shape)) {
    const field = schema.safeParse((fields as Record<string, unknown>)[name]);
    settings[name] = field.success ? field.data : endpointSettingsDefault[name as keyof EndpointSettings];
  }
  return settings as EndpointSettings;
}

/** A name that became reserved after it was stored is left out; the other headers, a gateway's key among them, go on being sent. */
function readHeaders(stored: unknown): Record<string, unknown> {
  if (typeof stored !== "object" || stored === null) return {};
  return Object.fromEntries(
    Object.entries(stored).filter(([name, value]) => headerProblem(name, String(value)) === null),
  );
}
