import { anyFreePort, isFree } from "@ethhook/infra";
import { PipelineError } from "@ethhook/schemas";

type Env = Readonly<Record<string, string | undefined>>;

/** A port that something of the session listens on. */
export interface PortWish {
  /** What listens there, as a person calls it. */
  readonly name: string;
  /** The variable that chooses the port. */
  readonly variable: string;
  readonly usual: number;
}

/** The usual ports of the engines, and the variable that makes each unnecessary. */
export const enginePorts = [
  { engine: "Kafka", name: "Kafka", variable: "KAFKA_PORT", usual: 9092, unless: "KAFKA_BROKERS" },
  { engine: "Postgres", name: "Postgres", variable: "POSTGRES_PORT", usual: 5432, unless: "DATABASE_URL" },
  {
    engine: "ClickHouse",
    name: "ClickHouse",
    variable: "CLICKHOUSE_PORT",
    usual: 8123,
    unless: "CLICKHOUSE_URL",
  },
  {
    engine: "ClickHouse",
    name: "ClickHouse's own protocol",
    variable: "CLICKHOUSE_NATIVE_PORT",
    usual: 9000,
    unless: "CLICKHOUSE_URL",
  },
] as const;

/** Ports that were handed out are not handed out again while they are still free. */
type Taken = Set<number>;

/**
 * The port of each wish by its variable. Usual ports that are taken are replaced by free ones, with one sentence to
 * `onNotice`; a port that a person chose is not.
 * @throws PipelineError `PORT_IN_USE` or `CONFIG_INVALID` for a chosen port.
 */
export async function choosePorts(
  wishes: readonly PortWish[],
  env: Env,
  onNotice: (sentence: string) => void,
): Promise<Readonly<Record<string, number>>> {
  const taken: Taken = new Set();
  const chosen: Record<string, number> = {};
  const moved: string[] = [];
  for (const wish of wishes) {
    const text = env[wish.variable];
    const port = text ? await insistOn(wish, text, taken) : await prefer(wish.usual, taken);
    if (!text && port !== wish.usual) moved.push(`${wish.name} on ${port} (${wish.variable})`);
    taken.add(port);
    chosen[wish.variable] = port;
  }
  if (moved.length > 0) onNotice(`Some usual ports are in use, so free ones are taken: ${moved.join(", ")}.`);
  return chosen;
}

async function prefer(usual: number, taken: Taken): Promise<number> {
  return !taken.has(usual) && (await isFree(usual)) ? usual : anyFreePort();
}

async function insistOn({ name, variable }: PortWish, text: string, taken: Taken): Promise<number> {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > 65_535) {
    throw new PipelineError(
      "CONFIG_INVALID",
      "crash",
      `${variable}=${text}: a port is a whole number up to 65535.`,
    );
  }
  if (port === 0) return anyFreePort();
  if (!taken.has(port) && (await isFree(port))) return port;
  const message = `Port ${port} is in use, and ${variable} asks for it for ${name}.`;
  throw new PipelineError("PORT_IN_USE", "crash", message);
}
