/** Codes of reading chains: what a provider of a chain, or the ledger of one, can come to. */
export const ingestorErrorCatalogue = {
  RPC_TIMEOUT: {
    meaning: "A provider of a chain gave no answer in time.",
    action:
      "Nothing, if another provider of the chain answers. Else check the provider's status, or add one.",
  },
  RPC_UNREACHABLE: {
    meaning: "No connection to a provider, or it broke; it is built again after 1, 2, 4 … 60 s, for ever.",
    action: "Check the URL in <CHAIN>_WS_URL or <CHAIN>_HTTP_URL and the network. Nothing is lost meanwhile.",
  },
  RPC_RATE_LIMITED: {
    meaning:
      "A provider refuses requests for a while (429 or its own wording); it is left alone for that time.",
    action: "Lower <CHAIN>_REQUESTS_PER_SECOND, take a larger plan, or add a provider.",
  },
  RPC_RANGE_TOO_LARGE: {
    meaning: "A provider refuses a range of blocks or the size of its answer; the range is halved.",
    action: "Nothing: this is expected while catching up.",
  },
  RPC_UNKNOWN_BLOCK: {
    meaning: "A provider does not have a block: not yet, or a reorg dropped it.",
    action: "Nothing, if it passes. If it stays, the provider lags or has pruned the block: add another.",
  },
  RPC_MALFORMED: {
    meaning: "A provider's answer is not what its method promises.",
    action: "Nothing, if it is rare: another provider is asked. Else leave this provider.",
  },
  RPC_REFUSED: {
    meaning: "A provider answered with an error that is none of the known ones.",
    action: "Read the quoted error: often a missing API key or a method that the plan does not include.",
  },
  BLOCK_UNVERIFIED: {
    meaning: "No provider gave logs that prove to be all the logs of a block; nothing of it was published.",
    action:
      "Add a provider. If every provider fails the same check on every block, the chain differs: see its switches.",
  },
  CHAIN_MISMATCH: {
    meaning: "A provider serves another chain than the variable that names it.",
    action:
      "Correct <CHAIN>_WS_URL or <CHAIN>_HTTP_URL: the message says which chain id was expected and found.",
  },
  LOG_TOO_LARGE: {
    meaning: "A log is larger than a record of its topic can be; it was not published.",
    action: "Fetch it from a node by the block hash and log index that its record in logs.dlq names.",
  },
  LEDGER_BROKEN: {
    meaning: "The ledger of a chain has a hole or a record that cannot follow the one before.",
    action: "Keep the topic `blocks` as it is and report it: this chain waits, the others go on.",
  },
} as const satisfies Record<string, { meaning: string; action: string }>;
