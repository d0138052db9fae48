import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { processIdentity } from "../identity.ts";

/** What is remembered of a running engine, so that a later command finds it, or finds that it died. */
export interface EngineRecord {
  readonly key: string;
  readonly name: string;
  readonly pid: number;
  /** See `processIdentity`: tells this process from a later one with its pid. */
  readonly identity: string;
  readonly endSignal: "TERM" | "INT";
  readonly url: string;
  readonly logPath: string;
  readonly variables: Readonly<Record<string, string>>;
  /** The process it ends with; absent when it lives until `down`. */
  readonly owner?: { readonly pid: number; readonly identity: string };
}

const path = (dataDir: string): string => join(dataDir, "engines.json");

/** The engines that were started and not stopped, dead ones included. An unreadable file counts as none. */
export function readState(dataDir: string): readonly EngineRecord[] {
  try {
    const parsed: unknown = JSON.parse(readFileSync(path(dataDir), "utf8"));
    return Array.isArray(parsed) ? (parsed as EngineRecord[]) : [];
  } catch {
    return [];
  }
}

/** Replaces the file in one step, so that a reader never sees half of it. */
export function writeState(dataDir: string, records: readonly EngineRecord[]): void {
  const file = path(dataDir);
  mkdirSync(dirname(file), { recursive: true });
  if (records.length === 0) return rmSync(file, { force: true });
  const part = `${file}.${process.pid}`;
  writeFileSync(part, `${JSON.stringify(records, null, 2)}\n`);
  renameSync(part, file);
}

export function isAlive({ pid, identity }: { readonly pid: number; readonly identity: string }): boolean {
  return processIdentity(pid) === identity;
}
