import { secondsInWords } from "../lag/words.ts";
import type { ReplayPlan } from "./plan.ts";
import type { ReplayState } from "./run.ts";

/** Where progress is written: a terminal gets one line that changes, anything else a line now and then. */
export interface ProgressOutput {
  readonly isTTY: boolean;
  write(text: string): void;
}

const barWidth = 24;
const lineEveryMs = 5_000;

/** Share of the plan's offsets that lie behind the positions, 0 to 1. */
export function shareDone(plan: ReplayPlan, state: Pick<ReplayState, "positions">): number {
  let [done, all] = [0, 0];
  for (const [place, { from, until }] of Object.entries(plan)) {
    all += until - from;
    done += Math.min(until, Math.max(from, state.positions[place] ?? from)) - from;
  }
  return all === 0 ? 1 : done / all;
}

export interface Progress {
  show(state: ReplayState): void;
  /** Says why nothing moves. */
  waiting(why: string): void;
  end(): void;
}

export function createProgress(plan: ReplayPlan, output: ProgressOutput, now: () => number): Progress {
  const startedAtMs = now();
  let first: { sent: number; share: number } | undefined;
  let toldAtMs = startedAtMs;

  function line(state: ReplayState): string {
    const share = shareDone(plan, state);
    first ??= { sent: state.sent, share };
    const seconds = (now() - startedAtMs) / 1_000;
    const rate = seconds > 0 ? (state.sent - first.sent) / seconds : 0;
    const left = share > first.share ? (seconds / (share - first.share)) * (1 - share) : null;
    const filled = Math.round(share * barWidth);
    const bar = `[${"#".repeat(filled)}${"-".repeat(barWidth - filled)}]`;
    const percent = `${Math.floor(share * 100)} %`.padStart(5);
    return `${bar} ${percent}  ${state.sent} sent of ${state.scanned} read  ${Math.round(rate)}/s  ${share < 1 ? `${secondsInWords(left)} left` : ""}`;
  }

  function tell(text: string): void {
    if (output.isTTY) return output.write(`\r\u001b[K${text}`);
    if (now() - toldAtMs < lineEveryMs) return;
    toldAtMs = now();
    output.write(`${text}\n`);
  }

  return {
    show: (state) => tell(line(state)),
    waiting: (why) => tell(`waiting: ${why}`),
    end: () => {
      if (output.isTTY) output.write("\n");
    },
  };
}
