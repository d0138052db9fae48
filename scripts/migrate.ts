import {
  chainVariables,
  clickhouseVariables,
  describeVariables,
  kafkaVariables,
  loadConfig,
  postgresVariables,
} from "@ethhook/kit";
import { Command } from "commander";
import { runCommand } from "./command.ts";
import { migrateClickHouse } from "./migrate/clickhouse.ts";
import { migratePostgres } from "./migrate/postgres.ts";
import { migrateVariables } from "./migrate/variables.ts";

const clickhouseConfig = {
  ...clickhouseVariables,
  ...kafkaVariables,
  ...chainVariables,
  ...migrateVariables,
};

const program = new Command("npm run migrate --")
  .description(
    "Brings Postgres and ClickHouse to the shape of this version. Safe to run twice, and by two at once.",
  )
  .option("--only <database>", "postgres or clickhouse; both without it")
  .addHelpText(
    "after",
    `
${describeVariables("migrate", { ...postgresVariables, ...clickhouseConfig })}
Forward only: an applied step is never edited. ClickHouse reads the topics at once, so create them first
(npm run topology -- apply).`,
  )
  .action(({ only }: { only?: string }) =>
    runCommand(async () => {
      if (only !== undefined && only !== "postgres" && only !== "clickhouse") {
        console.error(`--only ${only}: expected postgres or clickhouse`);
        return 1;
      }
      if (only !== "clickhouse") await postgres();
      if (only !== "postgres") await clickhouse();
      return 0;
    }),
  );

async function postgres(): Promise<void> {
  const { applied } = await migratePostgres(loadConfig(postgresVariables, process.env).DATABASE_URL);
  console.log(`Postgres: ${applied.length === 0 ? "up to date" : `applied ${applied.join(", ")}`}`);
}

async function clickhouse(): Promise<void> {
  const { KAFKA_BROKERS } = process.env;
  // ClickHouse reaches the brokers as we do, unless it is said otherwise.
  const env = { ...process.env };
  env["CLICKHOUSE_KAFKA_BROKERS"] ||= KAFKA_BROKERS;
  const config = loadConfig(clickhouseConfig, env);
  const { applied, streams, retention } = await migrateClickHouse({
    url: config.CLICKHOUSE_URL,
    database: config.CLICKHOUSE_DATABASE,
    brokers: config.CLICKHOUSE_KAFKA_BROKERS,
    ...(config.CLICKHOUSE_KAFKA_COLLECTION ? { namedCollection: config.CLICKHOUSE_KAFKA_COLLECTION } : {}),
    chains: config.CHAINS_EXTRA,
    retention: { logsDays: config.CLICKHOUSE_LOGS_DAYS, attemptsDays: config.CLICKHOUSE_ATTEMPTS_DAYS },
  });
  const parts = [
    ...applied.map((name) => `applied ${name}`),
    ...retention.map((kept) => `keeps ${kept}`),
    ...streams.map((table) => `reads ${table} anew`),
  ];
  console.log(`ClickHouse: ${parts.length === 0 ? "up to date" : parts.join(", ")}`);
}

await program.parseAsync();
