import type { EventEmitter } from "node:events";

/** Calls `each` again and again until `stream` closes: a receiver that drips. For tests only. */
export function drip(each: () => void, everyMs: number, stream: EventEmitter): void {
  const timer = setInterval(each, everyMs);
  stream.on("close", () => clearInterval(timer));
}
