import { randomUUID } from "node:crypto";
import { eventId, type Log } from "@ethhook/schemas";
import { Kafka, logLevel, type EachBatchPayload, type Producer } from "kafkajs";
import pg from "pg";
import { serve } from "../load/worker.ts";
import type { BareDrain } from "./match-loop.ts";

interface Settings {
  readonly brokers: readonly string[];
  readonly databaseUrl: string;
}

/** A filter that a log may satisfy; conditions are for the caller. */
interface Candidate {
  /** Position of the log in its batch, from 1. */
  readonly n: number;
  readonly endpoint_id: string;
  readonly conditions: { readonly value: { readonly gte: string } } | null;
}

/** Logs of one query: what the old system gathered before it asked. */
const batchLogs = 100;

const candidates = `
  WITH log AS (SELECT address, topic0, n::int FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS log (address, topic0, n))
  SELECT n, endpoint_id, conditions FROM log JOIN old_filters AS filter ON filter.address = log.address
    AND (filter.topic0 IS NULL OR filter.topic0 = log.topic0)
  UNION ALL
  SELECT n, endpoint_id, conditions FROM log JOIN old_filters AS filter ON filter.topic0 = log.topic0
    AND filter.address IS NULL AND filter.list_id IS NULL
  UNION ALL
  SELECT n, endpoint_id, conditions FROM log JOIN address_list_entries AS entry
    ON entry.address = decode(substr(log.address, 3), 'hex') AND entry.until_version IS NULL
    JOIN old_filters AS filter ON filter.list_id = entry.list_id`;

/**
 * The old design: for each batch of 100 logs one query for the endpoints that may want them, conditions after it, and the
 * deliveries written before the next batch. Kinder than any real one: nothing is checked, signed for, or committed.
 */
await serve<Settings, BareDrain>(async ({ brokers, databaseUrl }) => {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 4 });
  const kafka = new Kafka({ brokers: [...brokers], clientId: "bare", logLevel: logLevel.NOTHING });
  const producer = kafka.producer({ allowAutoTopicCreation: false });
  await producer.connect();

  async function answer({ topic, logs, warmLogs }: BareDrain) {
    const consumer = kafka.consumer({ groupId: `bare.sql.${randomUUID()}`, maxWaitTimeInMs: 100 });
    const finished = Promise.withResolvers<void>();
    const done = { logs: 0, deliveries: 0, warm: 0, startedMs: 0 };
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch }: EachBatchPayload) => {
        for (let at = 0; at < batch.messages.length && done.logs < logs; at += batchLogs) {
          const some = batch.messages
            .slice(at, at + batchLogs)
            .map((message) => JSON.parse(String(message.value)) as Log);
          done.deliveries += await match(pool, producer, some);
          done.logs += some.length;
          if (done.startedMs > 0 || done.logs < warmLogs) continue;
          done.startedMs = performance.now();
          done.warm = done.logs;
        }
        if (done.logs >= logs) finished.resolve();
      },
    });
    await finished.promise;
    const seconds = (performance.now() - done.startedMs) / 1000;
    await consumer.disconnect();
    return { seconds, logs: done.logs - done.warm, deliveries: done.deliveries };
  }

  return { answer, stop: () => Promise.all([pool.end(), producer.disconnect()]) };
});

/** @returns how many deliveries were written. */
async function match(pool: pg.Pool, producer: Producer, logs: readonly Log[]): Promise<number> {
  const { rows } = await pool.query<Candidate>(candidates, [
    logs.map((log) => log.address),
    logs.map((log) => log.topics[0] ?? ""),
  ]);
  const messages = rows.flatMap(({ n, endpoint_id: endpointId, conditions }) => {
    const log = logs[n - 1];
    if (log === undefined) return [];
    // Transfers of a token without an amount have no data.
    if (conditions !== null && !(log.data.length === 66 && BigInt(log.data) >= BigInt(conditions.value.gte)))
      return [];
    const body = JSON.stringify({ type: "log.new", data: { ...log, eventId: eventId(log), endpointId } });
    return [{ key: endpointId, value: JSON.stringify({ endpointId, body }) }];
  });
  if (messages.length > 0) await producer.send({ topic: "deliveries", acks: -1, messages });
  return messages.length;
}
