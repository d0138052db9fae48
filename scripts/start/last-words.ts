import { closeSync, fstatSync, openSync, readSync } from "node:fs";

const tailBytes = 16_384;
/** Pino's names of the levels that say why a process ended, most telling first. */
const tellingLevels = ["fatal", "error"] as const;

/**
 * Why a service ended, by its log: the message of its last fatal line, else of its last error, else its last error or line in plain
 * text. Null when the log says nothing.
 */
export function lastWords(logPath: string): string | null {
  return tellingMessage(readTail(logPath));
}

/** The same for the text of a log's end. */
export function tellingMessage(tail: string): string | null {
  const lines = tail.split("\n").filter((line) => line.trim() !== "");
  for (const level of tellingLevels) {
    const found = lines.findLast((line) => parse(line)?.level === level);
    if (found !== undefined) return parse(found)?.msg ?? null;
  }
  const plain = lines.filter((line) => parse(line) === null).map((line) => line.trim());
  // Node ends the report of an uncaught error with its own version; the error stands further up.
  return plain.findLast((line) => /^\w*Error\b.*: /.test(line)) ?? plain.at(-1) ?? null;
}

function parse(line: string): { readonly level?: string; readonly msg?: string } | null {
  try {
    return JSON.parse(line) as { level?: string; msg?: string };
  } catch {
    return null;
  }
}

function readTail(path: string): string {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch {
    return "";
  }
  try {
    const { size } = fstatSync(file);
    const length = Math.min(size, tailBytes);
    const buffer = Buffer.alloc(length);
    readSync(file, buffer, 0, length, size - length);
    return buffer.toString("utf8");
  } finally {
    closeSync(file);
  }
}
