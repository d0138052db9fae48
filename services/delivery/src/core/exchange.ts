/** A signed webhook, ready to be sent. */
export interface Outgoing {
  readonly url: string;
  /** By name. */
  readonly headers: Readonly<Record<string, string>>;
  /** As it is signed: what a receiver's framework hands over, decompressed. */
  readonly body: Buffer;
  /** Compress it on the way. */
  readonly gzip: boolean;
  readonly timeoutMs: number;
}

/** Durations of one exchange in milliseconds; null when a stage was not reached or a kept-alive connection was used. */
export interface Timings {
  readonly connectMs: number | null;
  readonly tlsMs: number | null;
  readonly firstByteMs: number | null;
  readonly totalMs: number;
}

/** What became of one POST. There is always one: the receiver port never rejects. */
export type Exchange = Timings &
  (
    | {
        readonly kind: "answered";
        readonly statusCode: number;
        /** `Retry-After`, as sent. */
        readonly retryAfter: string | null;
        /** First 4 KiB at most, after decompression. */
        readonly responseBody: string;
      }
    | {
        /** `timeout`: no complete answer in time. `network`: no connection, or it broke. `blocked`: policy forbids the address. */
        readonly kind: "timeout" | "network" | "blocked";
        /** `ECONNREFUSED`, `TIMEOUT`, `ADDRESS_PRIVATE`, … */
        readonly code: string;
        readonly message: string;
        /** What had come of the answer before it broke. */
        readonly statusCode: number | null;
        readonly responseBody: string;
      }
  );

/** Sends webhooks over the network. */
export interface Receiver {
  /** Never rejects: every failure is an `Exchange`. */
  post(request: Outgoing): Promise<Exchange>;
}
