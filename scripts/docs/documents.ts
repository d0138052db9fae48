import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { variables as api } from "@ethhook/api/config";
import { deliveryVariables as delivery } from "@ethhook/delivery/config";
import { ingestorVariables } from "@ethhook/ingestor/config";
import { httpVariables, logVariables } from "@ethhook/kit";
import { matcherVariables as matcher } from "@ethhook/matcher/config";
import {
  attemptCodec,
  blockCodec,
  deadDeliveryCodec,
  deliveryCodec,
  errorCatalogue,
  logCodec,
} from "@ethhook/schemas";
import { builtInChains, createTopology, metricCatalogue } from "@ethhook/topology";
import { migrateVariables } from "../migrate/variables.ts";
import { configDocument } from "./config.ts";
import { errorsDocument } from "./errors.ts";
import { withExamples } from "./examples.ts";
import { messagesDocument } from "./messages.ts";
import { metricsDocument } from "./metrics.ts";
import { topicsDocument } from "./topics.ts";

/** Absolute path of the folder that the documents are in. */
export const documentsFolder = fileURLToPath(new URL("../..", import.meta.url));

const { HTTP_HOST, HTTP_PORT } = httpVariables(0);

const likeKafkaBrokers = { ...migrateVariables.CLICKHOUSE_KAFKA_BROKERS, default: "KAFKA_BROKERS" };

/** Every document that is made from data: file name → text. */
export function documents(): Readonly<Record<string, string>> {
  return {
    "CONFIG.md": configDocument(
      { ...logVariables, HTTP_HOST, HTTP_PORT: { ...HTTP_PORT, default: "see below" } },
      {
        ingestor: { variables: ingestorVariables({}), port: 9464 },
        matcher: { variables: matcher, port: 9465 },
        delivery: { variables: delivery, port: 9466 },
        api: { variables: api, port: 3000 },
      },
      { "npm run migrate": { ...migrateVariables, CLICKHOUSE_KAFKA_BROKERS: likeKafkaBrokers } },
    ),
    "ERRORS.md": errorsDocument(errorCatalogue),
    "MESSAGES.md": messagesDocument(
      [logCodec, blockCodec, deliveryCodec, attemptCodec, deadDeliveryCodec],
      examples(),
    ),
    "METRICS.md": metricsDocument(metricCatalogue),
    "RECEIVERS.md": withExamples(textOf("RECEIVERS.md"), textOf),
    "TOPICS.md": topicsDocument(createTopology(builtInChains)),
  };
}

const textOf = (path: string): string => readFileSync(join(documentsFolder, path), "utf8");

/** The examples that lie beside the message schemas, in the order of their names, the plain case of each first. */
function examples() {
  const folder = new URL("../../schemas/messages/examples/", import.meta.url);
  const plain = ["log.v1.new.json", "delivery.v1.match.json"];
  return readdirSync(folder)
    .toSorted((a, b) => Number(plain.includes(b)) - Number(plain.includes(a)) || a.localeCompare(b, "en"))
    .map((file) => ({ file, text: readFileSync(new URL(file, folder), "utf8") }));
}
