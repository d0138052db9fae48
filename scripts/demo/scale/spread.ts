import { table } from "../../topology/table.ts";

/** What one process owns of a topic. */
export interface Share {
  readonly name: string;
  readonly partitions: readonly number[];
}

/**
 * Why partitions are not spread evenly over all processes, each owned once; null when they are. Pure.
 * @param count partitions of the topic.
 */
export function spreadProblem(shares: readonly Share[], count: number): string | null {
  const owned = shares.flatMap(({ partitions }) => partitions);
  if (new Set(owned).size !== owned.length) return "a partition has two owners";
  if (owned.length !== count) return `${count - owned.length} of ${count} partitions have no owner`;
  const sizes = shares.map(({ partitions }) => partitions.length);
  if (Math.max(...sizes) - Math.min(...sizes) > 1) return `shares of ${sizes.join(", ")} partitions`;
  return null;
}

/** Processes and their partitions, as a table. Pure. */
export function spreadTable(topic: string, shares: readonly Share[]): string {
  const rows = shares.map(({ name, partitions }) => [name, partitions.join(" ")]);
  return table(["process", `partitions of ${topic}`], rows);
}
