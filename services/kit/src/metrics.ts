import type { MetricCatalogue } from "@ethhook/topology";
import { Counter, Gauge, Histogram, type Registry } from "prom-client";

export { collectDefaultMetrics, Registry } from "prom-client";

type NamesOf<C extends MetricCatalogue, Type extends string> = {
  [N in keyof C & string]: C[N]["type"] extends Type ? N : never;
}[keyof C & string];

type LabelsOf<D> = D extends { readonly labels: readonly (infer L extends string)[] }
  ? Readonly<Record<L, string>>
  : never;

/** Labels first where the metric has some, so that a forgotten label is a type error. */
type Args<D, Rest extends readonly unknown[]> = [LabelsOf<D>] extends [never]
  ? Rest
  : [labels: LabelsOf<D>, ...Rest];

export interface CounterOf<D> {
  inc(...args: Args<D, [by?: number]>): void;
  /** The series of these labels, looked up once: for hot paths. */
  with(...args: Args<D, []>): { inc(by?: number): void };
}
export interface GaugeOf<D> {
  set(...args: SetArgs<D>): void;
  /** Computed when scraped. Replaces what was set before; one collector a gauge. */
  collect(
    read: () => Iterable<
      readonly [labels: [LabelsOf<D>] extends [never] ? EmptyLabels : LabelsOf<D>, value: number]
    >,
  ): void;
}
export interface HistogramOf<D> {
  observe(...args: SetArgs<D>): void;
  with(...args: Args<D, []>): { observe(value: number): void };
}
type EmptyLabels = Readonly<Record<string, never>>;
type SetArgs<D> = [LabelsOf<D>] extends [never] ? [value: number] : [value: number, labels: LabelsOf<D>];

/**
 * The instruments of a catalogue, by name. An unknown name or a missing label is a type error, then a throw:
 * the catalogue is the reference.
 * @example metrics.counter("ethhook_kafka_records_consumed_total").inc({ topic }, 12)
 */
export interface MetricsOf<C extends MetricCatalogue> {
  counter<N extends NamesOf<C, "counter">>(name: N): CounterOf<C[N]>;
  gauge<N extends NamesOf<C, "gauge">>(name: N): GaugeOf<C[N]>;
  histogram<N extends NamesOf<C, "histogram">>(name: N): HistogramOf<C[N]>;
}

type Instrument = Counter | Gauge | Histogram;

/**
 * Instruments of `catalogue` over an injected registry, each made when first asked for, once.
 * @throws Error on a name that the catalogue does not have or has as another type: a bug.
 */
export function createMetrics<const C extends MetricCatalogue>(
  catalogue: C,
  registry: Registry,
): MetricsOf<C> {
  const made = new Map<string, Instrument>();

  function instrument<T extends Instrument>(
    name: string,
    type: "counter" | "gauge" | "histogram",
    make: () => T,
  ): T {
    const declared = catalogue[name];
    if (declared?.type !== type) throw new Error(`The catalogue has no ${type} named ${name}`);
    const known = made.get(name);
    if (known) return known as T;
    const created = make();
    made.set(name, created);
    return created;
  }

  const settings = (name: string) => ({
    name,
    help: catalogue[name]?.help ?? "",
    labelNames: [...(catalogue[name]?.labels ?? [])],
    registers: [registry],
  });

  const metrics = {
    counter: (name: string) => counterOf(instrument(name, "counter", () => new Counter(settings(name)))),
    gauge: (name: string) => gaugeOf(instrument(name, "gauge", () => new Gauge(settings(name)))),
    histogram: (name: string) => {
      const buckets = catalogue[name]?.buckets;
      const make = () => new Histogram({ ...settings(name), ...(buckets ? { buckets: [...buckets] } : {}) });
      return histogramOf(instrument(name, "histogram", make));
    },
  };
  return metrics as unknown as MetricsOf<C>;
}

type Labels = Record<string, string>;

function counterOf(counter: Counter) {
  return {
    inc: (first?: Labels | number, by?: number) =>
      typeof first === "object" ? counter.inc(first, by) : counter.inc(first),
    with: (labels?: Labels) => (labels ? counter.labels(labels) : counter),
  };
}

function gaugeOf(gauge: Gauge) {
  return {
    set: (value: number, labels?: Labels) => (labels ? gauge.set(labels, value) : gauge.set(value)),
    collect: (read: () => Iterable<readonly [Labels, number]>) => {
      Object.assign(gauge, {
        collect: () => {
          gauge.reset();
          for (const [labels, value] of read()) gauge.set(labels, value);
        },
      });
    },
  };
}

function histogramOf(histogram: Histogram) {
  return {
    observe: (value: number, labels?: Labels) =>
      labels ? histogram.observe(labels, value) : histogram.observe(value),
    with: (labels?: Labels) => (labels ? histogram.labels(labels) : histogram),
  };
}
