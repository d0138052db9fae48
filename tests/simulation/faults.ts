/** Everything that a run may inflict, by where it strikes. The names stand in the table of `npm run simulate`. */
export const faultNames = [
  // The chain itself.
  "reorg: shallow",
  "reorg: deep",
  "reorg: below finalized",
  "reorg: A→B→A",
  "chain: a fork adds a field to the header",
  // What a node believes.
  "node: wrong fork for a while",
  "node: lags behind the head",
  "node: serves another chain",
  // Announcements.
  "head: skipped",
  "head: announced twice",
  "head: an old one again",
  "head: malformed",
  "head: of a block that does not exist",
  "head: a million blocks ahead",
  // Answers to any question.
  "answer: none in time",
  "answer: connection breaks",
  "answer: slow",
  "answer: not JSON",
  "answer: null",
  "answer: an internal error",
  "answer: rate limit, in words",
  "answer: HTTP 429 with Retry-After in seconds",
  "answer: HTTP 429 with Retry-After as a date",
  "answer: HTTP 503",
  "answer: HTTP 500",
  // Lies.
  "block: another one than asked for",
  "block: a bloom that is not its own",
  "logs: all dropped under a bloom",
  "logs: the last dropped",
  "logs: one in the middle dropped",
  "logs: of another fork",
  "logs: a logIndex twice",
  "logs: a logIndex that underflowed",
  "logs: a null among them",
  "logs: marked removed",
  "receipts: null",
  "receipts: a null among them",
  "receipts: one missing",
  "range: refused in a node's own words",
  "range: silently less",
  "finalized: none",
  "finalized: of another fork",
  // Sockets.
  "socket: half-open",
  "socket: closed",
  "socket: refused",
  "socket: handshake never ends",
  // Processes and the broker.
  "process: killed",
  "process: killed within a transaction",
  "process: stopped and started",
  "process: taken for dead, goes on writing",
  "transaction: never arrived",
  "transaction: left open",
  "transaction: aborted by the broker",
  "transaction: committed, answer lost",
  "transaction: committed, visible later",
] as const;
export type FaultName = (typeof faultNames)[number];

/** How often each fault struck. */
export type Tally = Map<FaultName, number>;

export function count(tally: Tally, name: FaultName, times = 1): void {
  tally.set(name, (tally.get(name) ?? 0) + times);
}

/** Refusals of too large ranges as nodes word them, some with a hint that is of no use. */
export const rangeRefusals: readonly { readonly code: number; readonly message: string }[] = [
  { code: -32_005, message: "query returned more than 10000 results" },
  { code: -32_602, message: "query returned more than 10000 results. Try with this block range [0x1, 0x2]." },
  {
    code: -32_602,
    message:
      "Log response size exceeded. You can make eth_getLogs requests with up to a 2K block range and no limit on the response size",
  },
  { code: -32_000, message: "block range is too wide" },
  { code: -32_000, message: "exceed maximum block range: 5000" },
  { code: -32_614, message: "eth_getLogs is limited to a 10,000 range" },
  { code: -32_600, message: "eth_getLogs and eth_newFilter are limited to a 10,000 blocks range" },
  { code: -32_000, message: "query exceeds max results 20000, retry with the range 1-2" },
  { code: 35, message: "ranges over 10000 blocks are not supported on freetier" },
  { code: -32_000, message: "query timeout exceeded" },
  { code: -32_000, message: "backend response too large" },
  { code: -32_603, message: "block range greater than 2000 max" },
  { code: -32_005, message: "limit exceeded" },
  { code: -32_000, message: "no, and we will not say why" },
];

/** Rate limits that come as an error of JSON-RPC. */
export const rateLimits: readonly { readonly code: number; readonly message: string }[] = [
  { code: -32_005, message: "daily request count exceeded, request rate limited" },
  { code: 429, message: "Your app has exceeded its compute units per second capacity." },
  { code: -32_007, message: "50/second request limit reached - reduce calls per second" },
  { code: -32_029, message: "Too Many Requests" },
];
