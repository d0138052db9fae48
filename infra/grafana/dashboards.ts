import { chainsBoard } from "./boards/chains.ts";
import { clickhouseBoard } from "./boards/clickhouse.ts";
import { deliveryBoard } from "./boards/delivery.ts";
import { lagBoard } from "./boards/lag.ts";
import { pipelineBoard } from "./boards/pipeline.ts";
import type { Dashboard } from "./panels.ts";

/** Every dashboard that Grafana is given; the first is its home. */
export const dashboards: readonly Dashboard[] = [
  pipelineBoard,
  chainsBoard,
  deliveryBoard,
  lagBoard,
  clickhouseBoard,
];
