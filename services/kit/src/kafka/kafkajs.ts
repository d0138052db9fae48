/** The one place where kafkajs is loaded, so that its corrections are always in place. */
import kafkajs from "kafkajs";

import { kafkajsCodecs } from "./codecs/codecs.ts";
import "./group-hooks.ts";
import "./patches.ts";

// Named imports would miss most of them: Node cannot see through the way this CommonJS package exports.
export const {
  AssignerProtocol,
  CompressionCodecs,
  CompressionTypes,
  ConfigResourceTypes,
  Kafka,
  KafkaJSError,
  logLevel,
} = kafkajs;

// kafkajs knows only gzip, and an unknown codec ends its consumer. `rpk topic produce` writes snappy by default.
Object.assign(CompressionCodecs, kafkajsCodecs);
