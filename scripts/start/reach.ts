import { clickhouseVariables, kafkaVariables, postgresVariables } from "@ethhook/kit";

type Env = Readonly<Record<string, string | undefined>>;

const usual = {
  KAFKA_BROKERS: kafkaVariables.KAFKA_BROKERS.default,
  DATABASE_URL: postgresVariables.DATABASE_URL.default,
  CLICKHOUSE_URL: clickhouseVariables.CLICKHOUSE_URL.default,
};

/**
 * What another terminal must set so that `npm run lag`, `replay` and `audit` work on this session: nothing where the usual port is
 * used, and nothing that a person gave, who knows it. Null when they find it by themselves. Pure.
 */
export function reachOf(settings: Env, given: Env): string | null {
  const needed = Object.entries(usual).flatMap(([name, value]) =>
    given[name] || settings[name] === value ? [] : [`${name}=${settings[name]}`],
  );
  return needed.length === 0 ? null : needed.join(" ");
}
