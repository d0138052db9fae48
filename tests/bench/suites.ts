import type { Suite } from "./frame/types.ts";
import { clickhouse } from "./suites/clickhouse.ts";
import { deliver } from "./suites/deliver.ts";
import { ingest } from "./suites/ingest.ts";
import { latency } from "./suites/latency.ts";
import { match } from "./suites/match.ts";
import { system } from "./suites/system.ts";

/** Every suite, in the order in which `--help` lists them. */
export const suites: readonly Suite[] = [ingest, match, deliver, latency, system, clickhouse];
