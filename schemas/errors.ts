import { apiErrorCatalogue } from "./api/errors.ts";
import { ingestorErrorCatalogue } from "./ingestor-errors.ts";

/**
 * What the pipeline does with a failed unit of work. One place maps a disposition to commit, retry, dead-letter or crash.
 * - `retry`: the same work may succeed later. - `drop`: nothing to do, on purpose. - `dead-letter`: can never succeed.
 * - `crash`: unknown or unsafe to go on; the process exits and the work is read again.
 */
export type Disposition = "retry" | "drop" | "dead-letter" | "crash";

/** An expected failure with a stable code, for people and programs. Bugs are plain throws. */
export class PipelineError extends Error {
  readonly code: ErrorCode;
  readonly disposition: Disposition;

  constructor(code: ErrorCode, disposition: Disposition, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "PipelineError";
    this.code = code;
    this.disposition = disposition;
  }
}

/** Every code, what it means and what a person can do. The reference of errors is generated from it. */
export const errorCatalogue = {
  ...apiErrorCatalogue,
  ...ingestorErrorCatalogue,
  CONFIG_INVALID: {
    meaning: "A setting is missing or wrong; every problem is listed together.",
    action: "Correct the named variables. `--help` of the command and CONFIG.md list them.",
  },
  PORT_IN_USE: {
    meaning: "Another process listens on a port that this one needs.",
    action: "Stop that process, or choose another port with the named variable.",
  },
  ENGINE_MISSING: {
    meaning: "A program or package that a local engine needs is not on this machine.",
    action: "Install what the message names, or set the engine's variable to a server that runs elsewhere.",
  },
  ENGINE_FAILED: {
    meaning: "A local engine ended or gave no answer while starting.",
    action:
      "Read the end of its log, which the message quotes and names; `npm run engines -- reset` starts clean.",
  },
  SERVICE_FAILED: {
    meaning: "A service process ended or did not get ready while a command was starting it.",
    action: "Its log, named in the message, says why.",
  },
  BROKER_UNREACHABLE: {
    meaning: "No Kafka broker of KAFKA_BROKERS answers.",
    action: "Check that it runs (`npm run engines -- status`) and that KAFKA_BROKERS names it.",
  },
  BROKER_TIMEOUT: {
    meaning: "The broker did not acknowledge a write in time; it is sent again.",
    action: "Nothing, if it recovers. Else look at the broker's log and disk.",
  },
  TRANSACTION_UNKNOWN: {
    meaning: "A transaction ended without a clear answer; its owner starts anew and reads the ledger's tail.",
    action: "Nothing: this is how a crash stays exactly-once.",
  },
  PRODUCER_FENCED: {
    meaning: "Another process took over this chain; this one must not write any more.",
    action: "Nothing, if a standby took over. Else stop one of the two ingestors.",
  },
  CONSUMER_CRASHED: {
    meaning: "The consumer loop ended and will not come back by itself.",
    action: "The process exits with 75 so that its supervisor restarts it; report the logged cause.",
  },
  BROKER_REFUSED: {
    meaning: "The broker refused a write or a command for good: its message says why.",
    action: "Correct what the message names: a topic that is not there, a setting, a permission.",
  },
  RECORD_TOO_LARGE: {
    meaning: "One record is larger than its topic's max.message.bytes.",
    action: "Raise the topic's limit in the topology, or let the record go to its dead-letter topic.",
  },
  PRODUCER_STOPPED: {
    meaning: "A write was asked for after the producer had been stopped; it was not written.",
    action: "Nothing: its input was not committed and is read again.",
  },
  PRODUCER_OVERLOADED: {
    meaning: "More bytes wait to be written than the producer may hold: the broker is slower than its input.",
    action: "Nothing, if it recovers: the input waits in its topic. Else look at the broker.",
  },
  SECRET_UNREADABLE: {
    meaning: "A sealed secret in Postgres cannot be opened with the keys of SECRETS_KEY.",
    action: "Put the old key behind the new one in SECRETS_KEY (comma-separated), or set a new secret.",
  },
  MESSAGE_NEWER: {
    meaning: "A record was written by a later version of EthHook.",
    action: "Upgrade this process; the partition waits, nothing is lost.",
  },
  DATABASE_UNREACHABLE: {
    meaning: "Postgres or ClickHouse does not answer at its URL.",
    action:
      "Check that it runs (`npm run engines -- status`) and that DATABASE_URL or CLICKHOUSE_URL names it.",
  },
  MIGRATION_REFUSED: {
    meaning:
      "A database cannot be brought to this version: an applied step was edited, or it is of a later version.",
    action: "Do what the message says; nothing was changed by the refused step.",
  },
  REPLAY_REFUSED: {
    meaning: "A replay, redrive or audit cannot be done as it was asked for.",
    action: "Do what the message says; the command's `--help` has examples.",
  },
  GROUP_UNKNOWN: {
    meaning: "A consumer group that a command was asked about is neither declared nor known to the broker.",
    action:
      "Name one of the groups in the message; `npm run lag -- --all` also shows those of throw-away readers.",
  },
  TOPOLOGY_REFUSED: {
    meaning: "The declared topics cannot be applied: that would break the order of a key, or lose records.",
    action: "Do what the message says: usually a new topic name, or a stated override.",
  },
  AUDIT_IMPOSSIBLE: {
    meaning:
      "An audit cannot judge its window: a topic no longer holds it, it is more than one audit holds, or the provider of --rpc refuses or is of another chain.",
    action: "Do what the message says; a narrower or newer window often helps.",
  },
} as const satisfies Record<string, { meaning: string; action: string }>;

export type ErrorCode = keyof typeof errorCatalogue;
