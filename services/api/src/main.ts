import { createKafka, runMain } from "@ethhook/kit";
import { createTopology } from "@ethhook/topology";
import { variables } from "./config.ts";
import { createApi } from "./service.ts";

await runMain({
  name: "api",
  variables,
  healthPort: "none",
  create(config, deps) {
    const topics = new Map(createTopology(config.CHAINS_EXTRA).topics.map((topic) => [topic.name, topic]));
    const broker = createKafka({
      brokers: config.KAFKA_BROKERS,
      clientId: "api",
      logger: deps.logger,
      metrics: deps.metrics,
      writes: (topic) => topics.get(topic),
    });
    return createApi(config, { ...deps, broker });
  },
});
