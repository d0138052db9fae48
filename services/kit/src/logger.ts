import { type DestinationStream, type Logger, pino } from "pino";

export type { Logger } from "pino";

export interface LoggerOptions {
  /** The service, on every line. */
  readonly name: string;
  readonly level: string;
  /** Where lines go; stdout unless given. */
  readonly destination?: DestinationStream;
}

/**
 * One JSON object a line on stdout. Log events are `noun.verbed` in `event`; one wide line a unit of work.
 * An error belongs under `err`. Keys that could hold a credential are removed.
 */
export function createLogger(options: LoggerOptions): Logger {
  const settings = {
    name: options.name,
    level: options.level,
    base: { service: options.name, pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: {
      paths: ["password", "secret", "authorization", "*.password", "*.secret", "*.authorization"],
      remove: true,
    },
  };
  return options.destination ? pino(settings, options.destination) : pino(settings);
}
