import { createKafka, createLogger, type KafkaClient } from "@ethhook/kit";
import { createTopology, builtInChains, type Topology } from "@ethhook/topology";

/**
 * A client that writes as the topology declares, and says nothing but errors.
 * @param brokers as in KAFKA_BROKERS.
 */
export function testKafka(brokers: string, topology: Topology = createTopology(builtInChains)): KafkaClient {
  return createKafka({
    brokers: brokers.split(","),
    clientId: "tests",
    logger: createLogger({ name: "tests", level: "error" }),
    writes: (name) => topology.topics.find((topic) => topic.name === name),
  });
}
