/** One published figure. */
export interface Result {
  /** `suite.what_unit`, stable for ever: others compare with it. */
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What the figure is held against, in words: `<= 4.5`. */
  readonly goal?: string;
}

/** One way of doing the work: the product's, the naive one, or the limit. */
export interface Contender {
  readonly name: string;
  /** Other processes that work for it: name → pid. Their CPU time is counted beside that of this process. */
  readonly processes?: Readonly<Record<string, number>>;
  /**
   * Does the work once.
   * @returns figures of this run by name, unit last: `p50Ms`, `postsPerSecond`.
   */
  run(): Promise<Readonly<Record<string, number>>>;
}

export interface SuiteContext {
  /** Measured runs of each contender, after the warm-up. */
  readonly runs: number;
  /** How long one run loads the path, in seconds. A suite whose runs have a fixed amount of work ignores it. */
  readonly secondsPerRun: number;
  /** How long every endpoint is down in the run that measures how a backlog drains, in seconds. */
  readonly outageSeconds: number;
  /** Share of its full size at which a suite works, above 0 and at most 1. A suite without a size ignores it. */
  readonly scale: number;
  progress(line: string): void;
}

/** A suite with its servers up. Disposing it stops everything that it started. */
export interface PreparedSuite extends AsyncDisposable {
  /** What was held fixed: rates, sizes, versions. Printed and part of the JSON. */
  readonly settings: Readonly<Record<string, string | number>>;
  readonly contenders: readonly Contender[];
  results(measured: Comparison): readonly Result[];
}

/** One subject that can be measured: `npm run bench -- <name>`. */
export interface Suite {
  readonly name: string;
  /** One sentence for `--help`. */
  readonly about: string;
  prepare(context: SuiteContext): Promise<PreparedSuite>;
}

/** Middle and extremes of one figure over all measured runs. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** What one contender reached. */
export interface Measured {
  readonly figures: Readonly<Record<string, Spread>>;
  readonly wallSeconds: Spread;
  /** CPU seconds by process; `bench` is this one. */
  readonly cpuSeconds: Readonly<Record<string, Spread>>;
}

export type Comparison = ReadonlyMap<string, Measured>;
