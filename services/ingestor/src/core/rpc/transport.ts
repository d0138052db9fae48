/** A connection to one provider. Requests reject with an `RpcError`. */
export interface RpcTransport {
  readonly kind: "ws" | "http";
  /** Whether a request has a chance: for a socket, that it is connected and announces heads. */
  isUp(): boolean;
  request(method: string, params: readonly unknown[]): Promise<unknown>;
  /** Connects, and connects again for ever. */
  start(events: TransportEvents): void;
  stop(): void;
  /** Drops the connection and makes a new one. Of no effect for HTTP. */
  rebuild(reason: string): void;
}

export interface TransportEvents {
  /** A `newHeads` announcement, as it came. */
  onHead(raw: unknown): void;
  onUp(): void;
  onDown(reason: string, retryInMs: number): void;
}
