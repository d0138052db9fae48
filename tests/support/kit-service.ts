import { createKafka, kafkaVariables, runMain } from "@ethhook/kit";

/**
 * A small service process for the kit's tests. `KIT_BEHAVIOUR` says what goes wrong in it; as `consumer` it reads
 * KIT_TOPIC and prints the value of each record that it settles.
 */
const behaviour = process.env["KIT_BEHAVIOUR"] ?? "run";
const topic = process.env["KIT_TOPIC"] ?? "none";

await runMain({
  name: "kit-service",
  variables: kafkaVariables,
  healthPort: 0,
  stopBudgetMs: 1_000,
  create: (config, { logger, metrics }) => {
    const { promise: crashed, resolve: crash } = Promise.withResolvers<Error>();
    const kafka = createKafka({ brokers: config.KAFKA_BROKERS, clientId: "kit-service", logger, metrics });
    const consumer = kafka.consumer({
      groupId: topic,
      topics: [topic],
      sessionTimeoutMs: 6_000,
      heartbeatIntervalMs: 500,
    });
    return {
      start: async () => {
        if (behaviour === "fail-start") throw new Error("cannot start");
        if (behaviour === "crash") crash(new Error("it died"));
        if (behaviour === "stray") void Promise.reject(new Error("nobody caught me"));
        if (behaviour !== "consumer") return;
        await consumer.start({
          onBatch: (batch) => {
            for (const record of batch.records) process.stdout.write(`value ${String(record.value)}\n`);
            batch.settleAll();
          },
          onCrash: crash,
        });
      },
      stop: async () => {
        if (behaviour === "hang-stop") await new Promise(() => undefined);
        if (behaviour === "consumer") await consumer.stop();
      },
      notReady: () => [],
      crashed,
    };
  },
});
