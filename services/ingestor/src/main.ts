import { setFlagsFromString } from "node:v8";
import { createKafka, runMain } from "@ethhook/kit";
import { createTopology } from "@ethhook/topology";
import { chainSettings, ingestorVariables } from "./config.ts";
import { createIngestor } from "./service.ts";

// V8 lets the young generation grow to 50 MB, and buffers of dead objects with it: on the way of a block of 150 MB that
// costs more memory than the block. Measured on such a block: 340 MB at most, 580 MB without.
setFlagsFromString("--semi-space-growth-factor=1");

await runMain({
  name: "ingestor",
  variables: ingestorVariables(process.env),
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
