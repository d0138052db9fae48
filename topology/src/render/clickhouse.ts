import { createHash } from "node:crypto";
import { clickHouseReaders } from "../groups.ts";
import type { Topology } from "../topics.ts";
import { streams, type Stream } from "./clickhouse-streams.ts";

/** How the Kafka tables find the broker. */
export type KafkaSource =
  /** Host:port list in the DDL itself: this machine, tests. */
  | { readonly brokers: readonly string[] }
  /** A named collection of the server's configuration, with brokers and secrets: real use. */
  | { readonly namedCollection: string };

/** Everything between a topic and its table. The parts can be dropped and made again: the group's offsets are Kafka's. */
export interface RenderedStream {
  readonly table: string;
  /** Name of the last part; its comment holds `checksum`, so it stands for the whole. */
  readonly feed: string;
  /** SHA-256 of the `create` texts: how a change is found. */
  readonly checksum: string;
  /**
   * In this order. The Kafka table goes first, with its consumers, while every view still stands: a consumer that finds no
   * view would read records, write them nowhere and commit.
   */
  readonly drop: readonly string[];
  /** In this order. The feed comes last: it is what starts the consumers, once, with everything in place behind it. */
  readonly create: readonly string[];
}

/** Settings of every Kafka table. */
const kafkaSettings = {
  // A row is visible within a second; the defaults wait up to 7.5 s.
  kafka_flush_interval_ms: 250,
  kafka_poll_timeout_ms: 50,
  kafka_consumer_reschedule_ms: 100,
  // What the parser refuses goes to `ingest_errors` instead of stopping the table.
  kafka_handle_error_mode: "'stream'",
  kafka_max_block_size: 65_536,
} as const;

const jsonSettings = { input_format_skip_unknown_fields: 1, input_format_null_as_default: 1 } as const;

/** What the feed adds to the fields of a record. */
const recordColumns: Readonly<Record<string, { readonly type: string; readonly expression: string }>> = {
  _record_topic: { type: "LowCardinality(String)", expression: "_topic" },
  _record_partition: { type: "UInt64", expression: "_partition" },
  _record_offset: { type: "UInt64", expression: "_offset" },
  _record_key: { type: "String", expression: "_key" },
  _header_names: { type: "Array(String)", expression: "`_headers.name`" },
  _header_values: { type: "Array(String)", expression: "`_headers.value`" },
  _raw: { type: "String", expression: "substring(_raw_message, 1, 65536)" },
};

const place = {
  _topic: "_record_topic",
  _partition: "toUInt32(_record_partition)",
  _offset: "_record_offset",
} as const;

/** The Kafka-engine DDL of every table that ClickHouse fills by itself. Pure text; the target tables are migrations. */
export function renderClickHouse(topology: Topology, source: KafkaSource): readonly RenderedStream[] {
  return clickHouseReaders(topology.topics).map((reader) => {
    const stream = streams.find(({ table }) => table === reader.table);
    if (stream === undefined) throw new RangeError(`no stream is declared for ${reader.table}`);
    return renderStream(stream, reader.topics, reader.consumers, source);
  });
}

function renderStream(
  stream: Stream,
  topics: readonly string[],
  consumers: number,
  source: KafkaSource,
): RenderedStream {
  const { table } = stream;
  const parts = {
    kafka: `${table}_kafka`,
    stream: `${table}_stream`,
    rows: `${table}_rows`,
    errors: `${table}_errors`,
  };
  const feed = `${table}_feed`;
  const body = [
    createKafka(parts.kafka, stream, topics, consumers, source),
    createStream(parts.stream, stream),
    createView(parts.rows, table, { ...stream.columns, ...place }, `${parts.stream} WHERE problem = ''`),
    createView(parts.errors, "ingest_errors", errorColumns, `${parts.stream} WHERE problem != ''`),
    createFeed(feed, parts.stream, stream, parts.kafka),
  ];
  const checksum = createHash("sha256").update(body.join("\n")).digest("hex");
  return {
    table,
    feed,
    checksum,
    drop: [parts.kafka, feed, parts.rows, parts.errors, parts.stream].map(
      (name) => `DROP TABLE IF EXISTS ${name} SYNC`,
    ),
    create: [...body.slice(0, -1), `${body.at(-1) ?? ""}\nCOMMENT '${checksum}'`],
  };
}

const errorColumns = { ...place, _key: "_record_key", reason: "problem", raw: "_raw" } as const;

function createKafka(
  name: string,
  stream: Stream,
  topics: readonly string[],
  consumers: number,
  source: KafkaSource,
): string {
  const settings: Record<string, string | number> = {
    kafka_topic_list: `'${topics.join(",")}'`,
    // Never change it: the group's committed offsets are what makes a new table go on where the old one stopped.
    kafka_group_name: `'clickhouse.${stream.table}'`,
    kafka_format: `'${stream.format}'`,
    kafka_num_consumers: consumers,
    // Otherwise all consumers of a table share a thread: while one waits for its assignment (up to 15 s), the other is not
    // polled, so cannot answer the rebalance that the first one waits for.
    ...kafkaSettings,
    ...(stream.format === "JSONEachRow" ? jsonSettings : {}),
  };
  const brokers = "brokers" in source ? { kafka_broker_list: `'${source.brokers.join(",")}'` } : {};
  const engine = "brokers" in source ? "Kafka" : `Kafka(${source.namedCollection})`;
  const lines = Object.entries({ ...brokers, ...settings }).map(([key, value]) => `  ${key} = ${value}`);
  return `CREATE TABLE ${name} (\n${columnList(stream.fields)}\n) ENGINE = ${engine}\nSETTINGS\n${lines.join(",\n")}`;
}

/** A table that keeps nothing and hands each insert to its views: so that one view, the feed, starts and stops them all. */
function createStream(name: string, stream: Stream): string {
  const added = Object.fromEntries(Object.entries(recordColumns).map(([column, { type }]) => [column, type]));
  const columns = columnList({ ...stream.fields, ...added, problem: "String" });
  return `CREATE TABLE ${name} (\n${columns}\n) ENGINE = Null`;
}

function createFeed(name: string, to: string, stream: Stream, from: string): string {
  const reasons = stream.refuse.map(([condition, reason]) => `    ${condition}, '${reason}'`);
  // Over the record columns by their new names, so that a refusal reads as the columns do.
  const added = Object.entries(recordColumns).map(
    ([column, { expression }]) => `  ${expression} AS ${column}`,
  );
  const problem = `  multiIf(\n${["    length(_error) > 0, _error", ...reasons, "    ''"].join(",\n")}\n  ) AS problem`;
  const selected = [...Object.keys(stream.fields).map((field) => `  ${field}`), ...added, problem];
  return `CREATE MATERIALIZED VIEW ${name} TO ${to} AS SELECT\n${selected.join(",\n")}\nFROM ${from}`;
}

function createView(
  name: string,
  to: string,
  columns: Readonly<Record<string, string>>,
  from: string,
): string {
  const selected = Object.entries(columns).map(([column, expression]) =>
    // The table's column hides a field of the same name in the expressions after it, unless each is qualified.
    expression === column ? `  ${column}` : `  ${expression} AS ${column}`,
  );
  return `CREATE MATERIALIZED VIEW ${name} TO ${to} AS SELECT\n${selected.join(",\n")}\nFROM ${from}`;
}

function columnList(columns: Readonly<Record<string, string>>): string {
  return Object.entries(columns)
    .map(([column, type]) => `  ${column} ${type}`)
    .join(",\n");
}
