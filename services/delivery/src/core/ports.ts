import type { Attempt, DeadDelivery, Delivery } from "@ethhook/schemas";
import type { Endpoint } from "./endpoint.ts";
import type { Exchange } from "./exchange.ts";

/** What is known of all endpoints, kept current. */
export interface EndpointDirectory {
  /** `undefined`: not loaded yet. `null`: there is no such endpoint, or it was deleted. */
  get(endpointId: string): Endpoint | null | undefined;
  /** After it resolves, `get` knows each of them. Rejects while the store does not answer. */
  load(endpointIds: readonly string[]): Promise<void>;
  /** Disables an endpoint with a reason that its owner is shown: here at once, in the store as soon as it answers. */
  disable(endpointId: string, reason: string): void;
}

/** The record of POSTs. */
export interface AttemptLog {
  /**
   * Resolves once it cannot be lost. Never rejects: it tries until the log takes it.
   * @param urgent something waits for it.
   */
  append(attempt: Attempt, urgent: boolean): Promise<void>;
}

/** Where deliveries end that are given up. */
export interface DeadLetters {
  /** Resolves once it cannot be lost. Never rejects. */
  bury(dead: DeadDelivery): Promise<void>;
}

/** Why a delivery waits. `ordered`: behind one that failed. `sending`: a POST is under way, and takes long. */
export type ParkReason = (typeof parkReasons)[number];
export const parkReasons = [
  "retry",
  "breaker",
  "throttled",
  "busy",
  "paused",
  "disabled",
  "ordered",
  "sending",
] as const;

/** A delivery that waits for later. */
export interface Parked {
  /** `attemptsMade` and `history` include every attempt that was begun. */
  readonly delivery: Delivery;
  readonly replay: boolean;
  readonly partition: number;
  readonly position: number;
  /** Empty without an order. */
  readonly orderKey: string;
  /** An earlier owner may have begun a POST that nobody counted. */
  readonly unsure: boolean;
  readonly reason: ParkReason;
  readonly dueAtMs: number;
}

/** What is due later. */
export interface ParkingLot {
  /** Writes or replaces the row of this webhook. Resolves once it cannot be lost. Never rejects: it tries until it is written. */
  park(parked: Parked): Promise<void>;
  /** Deletes the row, after every earlier `park` of this webhook. */
  remove(webhookId: string, replay: boolean): Promise<void>;
}

/** Circuit breakers by endpoint. */
export interface Breakers {
  /** `refuse`: open, or its one probe is under way. `probe`: the next one decides. */
  gate(endpointId: string): "go" | "probe" | "refuse";
  /** Runs the exchange through the endpoint's breaker, which counts its failures. */
  run(endpoint: Endpoint, post: () => Promise<Exchange>): Promise<Exchange>;
  /** Unix ms of the next probe; null when closed or a probe is allowed now. */
  openUntilMs(endpointId: string): number | null;
}

/** Hears of everything that is worth counting. Must not throw. */
export interface Observer {
  attempted(attempt: Attempt): void;
  parked(reason: ParkReason): void;
  /** Taken back before anything was sent of it. */
  dropped(): void;
  buried(reason: DeadDelivery["reason"]): void;
}
