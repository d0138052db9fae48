/** One metric of the catalogue: base units, a closed set of labels. The name ends in its unit. */
export interface MetricDeclaration {
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  readonly labels?: readonly string[];
  /** Upper bounds for a histogram, in the unit of the name. */
  readonly buckets?: readonly number[];
}

export type MetricCatalogue = Readonly<Record<string, MetricDeclaration>>;
