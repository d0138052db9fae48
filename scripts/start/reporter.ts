import type { Snapshot, Summary } from "./snapshot.ts";

/** What a session tells while it runs. */
export interface Reporter {
  /** Something began that takes a while. */
  step(sentence: string): void;
  /** Something that a person should know. */
  notice(sentence: string): void;
  /** The state of things, about once a second. */
  live(snapshot: Snapshot): void;
  /** The end. */
  summary(summary: Summary): void;
}
