import { createKafka, createLogger, type KafkaClient } from "@ethhook/kit";
import { createTopology, builtInChains, type Topology } from "@ethhook/topology";

/** A client that writes as the topology declares, and says nothing but errors. */
export function testKafka(broker: string, topology: Topology = createTopology(builtInChains)): KafkaClient {
  return createKafka({
    brokers: [broker],
    clientId: "tests",
    logger: createLogger({ name: "tests", level: "error" }),
    writes: (name) => topology.topics.find((topic) => topic.name === name),
  });
}
