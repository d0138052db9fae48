import { retryScheduleSecondsDefault } from "@ethhook/schemas";

const examples = /(<!-- example: (\S+) -->\n```\w+\n)[^]*?(```)/g;
const schedule = /(<!-- schedule -->\n\n)[^\n]*/g;

/**
 * Fills a document: the fenced block after `<!-- example: path -->` becomes that file, the line after `<!-- schedule -->` the default
 * retry schedule. Doing it twice changes nothing.
 * @param read a file's text, by its path from the root.
 */
export function withExamples(markdown: string, read: (path: string) => string): string {
  return markdown
    .replaceAll(examples, (_, head: string, path: string, fence: string) => `${head}${read(path)}${fence}`)
    .replaceAll(
      schedule,
      (_, head: string) => `${head}> ${retryScheduleSecondsDefault.map(inWords).join(", ")}`,
    );
}

function inWords(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  return seconds < 3_600 ? `${seconds / 60} min` : `${seconds / 3_600} h`;
}
