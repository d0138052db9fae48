import { renderLine, renderLive, renderSummary } from "./view.ts";
import type { Reporter } from "./reporter.ts";

export interface ReporterOptions {
  /** Print the summary as one JSON object on stdout, and everything else on stderr. */
  readonly json: boolean;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  /** NO_COLOR is set. */
  readonly noColour: boolean;
}

/** Between two lines of a log; a live view is drawn at every snapshot. */
const lineIntervalSeconds = 5;

/** Tells a session in the way that suits where its output goes. */
export function createReporter(options: ReporterOptions): Reporter {
  const live = !options.json && options.stdout.isTTY;
  const out = options.json ? options.stderr : options.stdout;
  const reporter = live ? terminalReporter(options.stdout, !options.noColour) : lineReporter(out, options);
  const startedAt = performance.now();
  return {
    ...reporter,
    step: (sentence) =>
      reporter.step(`${((performance.now() - startedAt) / 1_000).toFixed(1)} s  ${sentence}`),
  };
}

function lineReporter(out: NodeJS.WriteStream, { json, stdout }: ReporterOptions): Reporter {
  const print = (line: string): void => void out.write(`${line}\n`);
  let nextAtSeconds = 0;
  return {
    step: print,
    notice: print,
    live(snapshot) {
      if (snapshot.seconds < nextAtSeconds) return;
      nextAtSeconds = snapshot.seconds + lineIntervalSeconds;
      print(renderLine(snapshot));
    },
    summary(summary) {
      for (const line of renderSummary(summary)) print(line);
      if (json) stdout.write(`${JSON.stringify(summary)}\n`);
    },
  };
}

/** Draws the live view over itself; sentences scroll away above it. */
function terminalReporter(out: NodeJS.WriteStream, colour: boolean): Reporter {
  let drawn: readonly string[] = [];

  /** Goes back to where the view begins and clears from there. */
  function erase(): string {
    const up = drawn.length === 0 ? "" : `\u001b[${drawn.length}A`;
    drawn = [];
    return `${up}\r\u001b[J`;
  }

  function say(sentence: string): void {
    const view = drawn;
    out.write(`${erase()}${sentence}\n${view.map((line) => `${line}\n`).join("")}`);
    drawn = view;
  }

  return {
    step: say,
    notice: say,
    live(snapshot) {
      // A view higher than the terminal could not be drawn over: its first lines would have scrolled away.
      const lines = renderLive(snapshot, { width: out.columns - 1, colour }).slice(0, out.rows - 1);
      out.write(`${erase()}${lines.map((line) => `${line}\n`).join("")}`);
      drawn = lines;
    },
    summary(summary) {
      out.write(`${erase()}${renderSummary(summary).join("\n")}\n`);
    },
  };
}
