import { createKafka, runMain } from "@ethhook/kit";
import { createTopology } from "@ethhook/topology";
import { chainSettings, ingestorVariables } from "./config.ts";
import { createIngestor } from "./service.ts";

/** The life of the ingestor's process. */
export async function runIngestor(env: Readonly<Record<string, string | undefined>>): Promise<void> {
  await runMain({
    name: "ingestor",
    variables: ingestorVariables(env),
    healthPort: 9464,
    create(config, deps) {
      const topics = new Map(createTopology(config.CHAINS_EXTRA).topics.map((topic) => [topic.name, topic]));
      const broker = createKafka({
        brokers: config.KAFKA_BROKERS,
        clientId: "ingestor",
        logger: deps.logger,
        metrics: deps.metrics,
        writes: (topic) => topics.get(topic),
      });
      return createIngestor(chainSettings(config), { ...deps, broker });
    },
  });
}
