export * from "./memory-broker.ts";
export type { Faults, SendFault, TransactionFault } from "./memory-producers.ts";
