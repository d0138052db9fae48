/** How far both groups were behind at one moment of the demo. */
export interface Sample {
  readonly seconds: number;
  readonly matcher: Measured;
  readonly delivery: Measured;
}

export interface Measured {
  readonly processes: number;
  readonly lagRecords: number;
  /** Age of the oldest open record. */
  readonly lagSeconds: number;
}

const heights = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"] as const;
const rowsHigh = 4;

/** Lag over time as bars `rowsHigh` lines high, with the number of processes below. Pure. */
export function lagChart(title: string, points: readonly Measured[]): string {
  const highest = Math.max(1, ...points.map(({ lagRecords }) => lagRecords));
  const eighths = points.map(({ lagRecords }) =>
    Math.round((lagRecords / highest) * rowsHigh * heights.length),
  );
  const label = highest.toLocaleString("en-US");
  const lines = Array.from({ length: rowsHigh }, (_, index) => {
    const row = rowsHigh - 1 - index;
    const cells = eighths.map((level) => cellOf(level - row * heights.length, row === 0));
    return `${(index === 0 ? label : "").padStart(12)} ${cells.join("")}`;
  });
  const processes = points.map((point) => String(point.processes)).join("");
  return [`${title}`, ...lines, `${"processes".padStart(12)} ${processes}`].join("\n");
}

function cellOf(eighths: number, isLowest: boolean): string {
  if (eighths <= 0) return isLowest ? heights[0] : " ";
  return heights[Math.min(eighths, heights.length) - 1] ?? "█";
}

/** One line for a log. Pure. */
export function sampleLine({ matcher, delivery }: Sample): string {
  const told = (name: string, { lagRecords, lagSeconds }: Measured): string =>
    `${name} ${lagRecords.toLocaleString("en-US").padStart(7)} records, ${lagSeconds.toFixed(1).padStart(4)} s`;
  return `lag of ${told("matcher.latest", matcher)}   of ${told("delivery", delivery)}`;
}
