import { createKafka, runMain } from "@ethhook/kit";
import { createPostgres } from "@ethhook/kit/postgres";
import { builtInChains, createTopology } from "@ethhook/topology";
import { deliveryVariables } from "./config.ts";
import { createDelivery } from "./service.ts";

const topics = new Map(createTopology(builtInChains).topics.map((topic) => [topic.name, topic]));

await runMain({
  name: "delivery",
  variables: deliveryVariables,
  healthPort: 9466,
  create: (config, deps) =>
    createDelivery(config, {
      ...deps,
      broker: createKafka({
        brokers: config.KAFKA_BROKERS,
        clientId: "delivery",
        logger: deps.logger,
        metrics: deps.metrics,
        writes: (topic) => topics.get(topic),
      }),
      pool: createPostgres({ url: config.DATABASE_URL, logger: deps.logger }),
    }),
});
