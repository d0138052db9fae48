import { closeSync, existsSync, fstatSync, openSync, readSync } from "node:fs";

const bytesRead = 64 * 1024;
const linesShown = 3;
const lineLengthMax = 300;

/** The lines at the end of a log that say why its program ended: errors, or none when it went silently (SIGKILL). */
export function errorLines(path: string): readonly string[] {
  return readLines(path).filter((line) => /error|fatal|exception|cannot|could not|refus|denied/i.test(line));
}

/** Like `errorLines`; when there is no error, the last lines of all, which may tell too. */
export function tellingLines(path: string): readonly string[] {
  const errors = errorLines(path);
  return (errors.length > 0 ? errors : readLines(path)).slice(-linesShown);
}

/** Lines of the log's end without the frames of stack traces. */
function readLines(path: string): readonly string[] {
  if (!existsSync(path)) return [];
  return endOf(path)
    .split("\n")
    .filter((line) => line.trim() !== "" && !/^\s+(at |\.\.\. )/.test(line))
    .map((line) => line.trim().slice(0, lineLengthMax));
}

function endOf(path: string): string {
  const file = openSync(path, "r");
  try {
    const { size } = fstatSync(file);
    const bytes = Buffer.alloc(Math.min(size, bytesRead));
    readSync(file, bytes, 0, bytes.length, size - bytes.length);
    return bytes.toString("utf8");
  } finally {
    closeSync(file);
  }
}
