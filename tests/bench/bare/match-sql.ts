import { randomUUID } from "node:crypto";
import { Kafka, logLevel, type EachBatchPayload } from "kafkajs";
import pg from "pg";
import { serve } from "../load/worker.ts";
import type { BareDrain } from "./match-loop.ts";

interface Settings {
  readonly brokers: readonly string[];
  readonly databaseUrl: string;
}

/** Logs of one query: what the old system gathered before it asked. */
const batchLogs = 100;

/** The naive way: for each batch of 100 logs, one query for the endpoints that may want them. */
await serve<Settings, BareDrain>(async ({ brokers, databaseUrl }) => {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 4 });
  return {
    async answer({ topic, logs }) {
      const kafka = new Kafka({ brokers: [...brokers], clientId: "bare", logLevel: logLevel.NOTHING });
      const consumer = kafka.consumer({ groupId: `bare.sql.${randomUUID()}`, maxWaitTimeInMs: 100 });
      const finished = Promise.withResolvers<void>();
      let seen = 0;
      let startedMs = 0;
      await consumer.connect();
      await consumer.subscribe({ topic, fromBeginning: true });
      await consumer.run({
        autoCommit: false,
        eachBatch: async ({ batch }: EachBatchPayload) => {
          if (startedMs === 0) startedMs = performance.now();
          for (let at = 0; at < batch.messages.length && seen < logs; at += batchLogs) {
            const some = batch.messages
              .slice(at, at + batchLogs)
              .map((message) => JSON.parse(String(message.value)) as { address: string; topics: string[] });
            await pool.query(
              `SELECT endpoint_id, address, topic0 FROM old_filters WHERE address = ANY ($1)
               UNION ALL SELECT endpoint_id, address, topic0 FROM old_filters WHERE address IS NULL AND topic0 = ANY ($2)`,
              [[...new Set(some.map((log) => log.address))], [...new Set(some.map((log) => log.topics[0]))]],
            );
            seen += some.length;
          }
          if (seen >= logs) finished.resolve();
        },
      });
      await finished.promise;
      const seconds = (performance.now() - startedMs) / 1000;
      await consumer.disconnect();
      return { seconds, logs: seen };
    },
    stop: () => pool.end(),
  };
});
