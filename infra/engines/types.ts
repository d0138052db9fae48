import type { EndSignal } from "./watchdog.ts";

/** A real server that runs as a process of this machine. */
export interface Engine {
  /** As a person calls it: `Kafka`, `demo chain ethereum`. */
  readonly name: string;
  /** Where a client connects. */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** How it is asked to end, for a command that stops it without being its parent. */
  readonly endSignal: EndSignal;
  /** Everything that the process wrote. */
  readonly logPath: string;
  /** Resolves when the process ended, for whatever reason, with words that say how. */
  readonly exited: Promise<string>;
  /** Ends the process and waits until it is gone. Safe to call twice. */
  stop(): Promise<void>;
  /** From now on it outlives this process. Until then it ends with it, even after SIGKILL. */
  detach(): void;
}

export interface EngineOptions {
  /** Folder for the data, kept when the engine stops. Without one: a temp folder, removed when the engine stops. */
  readonly dataDir?: string;
  /** Port on 127.0.0.1; 0 or absent: a free one. */
  readonly port?: number;
  /** One line about something slow, such as a download. Default: written to stderr. */
  readonly onProgress?: (line: string) => void;
}

export const progressToStderr = (line: string): void => {
  process.stderr.write(`${line}\n`);
};
