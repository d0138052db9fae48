import type { Suite } from "./frame/types.ts";
import { clickhouse } from "./suites/clickhouse.ts";
import { latency } from "./suites/latency.ts";
import { match } from "./suites/match.ts";

/** Every suite, in the order in which `--help` lists them. */
export const suites: readonly Suite[] = [latency, match, clickhouse];
