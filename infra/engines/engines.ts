import { join } from "node:path";
import { startAnvil, type AnvilEngine, type AnvilOptions } from "./anvil.ts";
import { startClickHouse, type ClickHouseEngine } from "./clickhouse.ts";
import { makeEnginesFolder } from "./folders.ts";
import { startKafka, type KafkaEngine } from "./kafka/kafka.ts";
import { startPostgres } from "./postgres.ts";
import type { Engine, EngineOptions } from "./types.ts";

/** Which engines to start. Ports: absent means free ones. */
export interface EnginesOptions extends Omit<EngineOptions, "port"> {
  readonly kafka?: boolean;
  readonly postgres?: boolean;
  readonly clickhouse?: boolean;
  readonly anvils?: readonly Omit<AnvilOptions, keyof EngineOptions>[];
  readonly ports?: {
    readonly kafka?: number;
    readonly postgres?: number;
    readonly clickhouse?: number;
    readonly clickhouseNative?: number;
    /** In the order of `anvils`. */
    readonly anvils?: readonly number[];
  };
}

export interface Engines {
  readonly kafka?: KafkaEngine;
  readonly postgres?: Engine;
  readonly clickhouse?: ClickHouseEngine;
  readonly anvils: readonly AnvilEngine[];
  stop(): Promise<void>;
}

/** Starts the wanted engines side by side. When one fails, the others are stopped before this rejects with its error. */
export async function startEngines(options: EnginesOptions): Promise<Engines> {
  const { ports = {}, dataDir } = options;
  if (dataDir !== undefined) makeEnginesFolder(dataDir);
  const common = options.onProgress ? { onProgress: options.onProgress } : {};
  const at = (name: string, port: number | undefined): EngineOptions => ({
    ...common,
    ...(dataDir === undefined ? {} : { dataDir: join(dataDir, name) }),
    ...(port === undefined ? {} : { port }),
  });
  const native = ports.clickhouseNative;
  const kafka = options.kafka ? startKafka(at("kafka", ports.kafka)) : undefined;
  const postgres = options.postgres ? startPostgres(at("postgres", ports.postgres)) : undefined;
  const clickhouse = options.clickhouse
    ? startClickHouse({
        ...at("clickhouse", ports.clickhouse),
        ...(native === undefined ? {} : { nativePort: native }),
      })
    : undefined;
  const anvils = (options.anvils ?? []).map((anvil, index) =>
    startAnvil({ ...anvil, ...at(`anvil-${anvil.chainId}`, ports.anvils?.[index]) }),
  );
  const all = [kafka, postgres, clickhouse, ...anvils].filter((start) => start !== undefined);
  const outcomes = await Promise.allSettled<Engine>(all);
  const stop = async (): Promise<void> => {
    const running = outcomes.filter((outcome) => outcome.status === "fulfilled");
    await Promise.all(running.map((outcome) => outcome.value.stop()));
  };
  const failed = outcomes.find((outcome) => outcome.status === "rejected");
  if (failed) {
    await stop();
    throw failed.reason;
  }
  return {
    ...(kafka ? { kafka: await kafka } : {}),
    ...(postgres ? { postgres: await postgres } : {}),
    ...(clickhouse ? { clickhouse: await clickhouse } : {}),
    anvils: await Promise.all(anvils),
    stop,
  };
}
