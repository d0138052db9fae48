import type { Delivery, EndpointSettings } from "@ethhook/schemas";
import type {
  AddressListResource,
  ApiKeyResource,
  ApplicationResource,
  AttemptQuery,
  AttemptResource,
  DeliveryQuery,
  DeliveryResource,
  EndpointHealth,
  EndpointQuery,
  EndpointResource,
  EndpointStatus,
  ParkedResource,
  StatisticsCounts,
  StatisticsQuery,
  UserResource,
} from "@ethhook/schemas/api";
import type { CompiledFilter, FilterableLog } from "@ethhook/schemas/filter";
import type { SearchWindow } from "./search.ts";

/** A page of a list: at most `limit` items that come after the item with the id `after`. */
export interface Page {
  readonly limit: number;
  readonly after?: string | undefined;
}

/** A key as it is stored: only the hash of what its owner holds. */
export interface StoredKey {
  readonly id: string;
  readonly name: string;
  /** SHA-256 of the whole key. */
  readonly hash: Buffer;
}

export interface AccountStore {
  /** Both or neither; null when the address already has an account. */
  createUser(
    user: { readonly id: string; readonly email: string; readonly name: string },
    key: StoredKey,
  ): Promise<{ readonly user: UserResource; readonly key: ApiKeyResource } | null>;
  findUser(userId: string): Promise<UserResource | null>;
  /** The owner of a key that was not revoked. */
  ownerOfKey(hash: Buffer): Promise<string | null>;
  createKey(userId: string, key: StoredKey): Promise<ApiKeyResource>;
  listKeys(userId: string, page: Page): Promise<readonly ApiKeyResource[]>;
  /** False when the user has no such key, or it was revoked before. */
  revokeKey(userId: string, keyId: string): Promise<boolean>;
  createApplication(userId: string, application: { id: string; name: string }): Promise<ApplicationResource>;
  listApplications(userId: string, page: Page): Promise<readonly ApplicationResource[]>;
  findApplication(userId: string, applicationId: string): Promise<ApplicationResource | null>;
}

/** What an endpoint hears of: a row of the append-only filter versions. */
export type Subscription = Pick<EndpointResource, "filter" | "finality" | "format" | "sendRemoved">;

/** Where and how an endpoint is reached. */
export interface EndpointTarget {
  readonly url: string;
  readonly description: string;
  readonly delivery: EndpointSettings;
}

export interface EndpointDraft extends EndpointTarget {
  readonly id: string;
  readonly userId: string;
  readonly applicationId: string;
  readonly subscription: Subscription;
  /** Sealed: the store never sees a secret. */
  readonly sealedSecret: string;
}

/** What becomes of an endpoint; what is absent stays. */
export interface EndpointChange extends Partial<EndpointTarget> {
  readonly status?: EndpointStatus;
  /** Present when what the endpoint hears of changes: it becomes a new version. */
  readonly subscription?: Subscription;
}

/** Every write is one transaction that also wakes those who hold endpoints and filters in memory. */
export interface EndpointStore {
  /** Null when the user has no such application. */
  create(draft: EndpointDraft): Promise<EndpointResource | null>;
  find(userId: string, endpointId: string): Promise<EndpointResource | null>;
  list(userId: string, query: EndpointQuery): Promise<readonly EndpointResource[]>;
  /** Holds the endpoint's row while `decide` looks at it, so that two changes do not overwrite each other. */
  change(
    userId: string,
    endpointId: string,
    decide: (current: EndpointResource) => EndpointChange,
  ): Promise<EndpointResource | null>;
  /** False when the user has no such endpoint. */
  remove(userId: string, endpointId: string): Promise<boolean>;
  /** Adds a current secret; the ones before it go on signing for `overlapMs`. Null when there is no such endpoint. */
  rotateSecret(
    userId: string,
    endpointId: string,
    sealedSecret: string,
    overlapMs: number,
  ): Promise<{ readonly previousExpiresAt: string } | null>;
}

/** Named lists of contracts, per user. */
export interface AddressListStore {
  names(userId: string): Promise<readonly string[]>;
  list(userId: string): Promise<readonly AddressListResource[]>;
  /** Null when the change would make the list longer than its limit; nothing is changed then. */
  change(
    userId: string,
    name: string,
    add: readonly string[],
    remove: readonly string[],
  ): Promise<(AddressListResource & { readonly version: number }) | null>;
  /** Those of the addresses that are in the list now. */
  among(userId: string, name: string, addresses: readonly string[]): Promise<readonly string[]>;
  /** Null when there is no such list. */
  addresses(userId: string, name: string, page: Page): Promise<readonly string[] | null>;
}

/** The past, as ClickHouse holds it: about a second behind. Reads only what belongs to the user. */
export interface DeliveryHistory {
  /** Newest blocks first. */
  searchDeliveries(
    userId: string,
    query: DeliveryQuery,
    window: SearchWindow,
    limit: number,
  ): Promise<readonly DeliveryResource[]>;
  /** Null when there is none, or not yet. */
  findDelivery(
    userId: string,
    webhookId: string,
  ): Promise<{
    readonly delivery: DeliveryResource;
    readonly body: string;
    readonly attempts: readonly AttemptResource[];
  } | null>;
  /** Newest first. */
  searchAttempts(
    userId: string,
    query: AttemptQuery,
    window: SearchWindow,
    limit: number,
  ): Promise<readonly AttemptResource[]>;
}

/** A log of the past, as a filter sees it. */
export interface PastLog extends FilterableLog {
  readonly blockNumber: number;
  readonly blockTime: string;
  readonly transactionHash: string;
  readonly logIndex: number;
}

/** Logs that still stand, as ClickHouse holds them. */
export interface LogHistory {
  /** Those that chain, address and first topic do not rule out; newest first, at most `limit`. */
  candidates(
    filter: CompiledFilter,
    period: { readonly sinceMs: number; readonly untilMs: number },
    limit: number,
  ): Promise<readonly PastLog[]>;
  /** In the order of the block. */
  ofTransaction(chainId: number, transactionHash: string): Promise<readonly PastLog[]>;
}

/** What waits for its next attempt. The caller has checked whose endpoint it is. */
export interface ParkedStore {
  /** Soonest first. */
  list(
    endpointId: string,
    limit: number,
  ): Promise<{ readonly items: readonly ParkedResource[]; readonly total: number }>;
  find(userId: string, webhookId: string): Promise<ParkedResource | null>;
  /** Makes one, or all of an endpoint, due now and wakes its owner. @returns how many. */
  retry(endpointId: string, webhookId: string | null): Promise<number>;
  /** Forgets one, or all of an endpoint, but not what is being sent. @returns how many. */
  cancel(endpointId: string, webhookId: string | null): Promise<number>;
}

/** Milliseconds from a block being seen to its POST being answered; of no such POST there are none. */
export type Percentiles = NonNullable<StatisticsCounts["latencyMs"]>;

/** One hour of a user. */
export interface HourStatistics {
  /** RFC 3339 of its beginning. */
  readonly hour: string;
  readonly webhooks: number;
  readonly removals: number;
  readonly attempts: number;
  readonly delivered: number;
  readonly latencyMs: Percentiles | null;
}

export interface StatisticsStore {
  /** Hours that begin within the period and in which something happened; oldest first. */
  byHour(
    userId: string,
    query: StatisticsQuery,
    period: { readonly sinceMs: number; readonly untilMs: number },
  ): Promise<{
    readonly hours: readonly HourStatistics[];
    /** Of all of them together: percentiles do not add up. */
    readonly latencyMs: Percentiles | null;
  }>;
}

export interface HealthStore {
  /** The caller has checked whose endpoint it is. */
  of(
    endpointId: string,
  ): Promise<Omit<EndpointHealth, "endpointId" | "applicationId" | "status" | "disabledReason">>;
}

export interface Outbox {
  /** Resolves once the broker holds the delivery. */
  enqueue(delivery: Delivery): Promise<void>;
}

/** Where this deployment lets webhooks go. */
export interface TargetPolicy {
  /** Why a URL is never called; null when it may be. */
  checkUrl(url: URL): { readonly message: string } | null;
}

/** Randomness and cryptography. */
export interface Vault {
  newId(prefix: "usr" | "app" | "ep"): string;
  /** For a webhook that no log stands behind, so that its id cannot be derived. */
  newWebhookId(): string;
  /** A new API key: what its owner gets, and what is stored of it. */
  newKey(name: string): { readonly key: string; readonly stored: StoredKey };
  hashKey(key: string): Buffer;
  /** A new signing secret, in clear for its owner. */
  newSecret(): string;
  /** A signing secret for the store: it opens for this endpoint only. */
  seal(secret: string, endpointId: string): string;
  /** Compares without telling by its duration how much was right. */
  isAdminKey(key: string): boolean;
}
