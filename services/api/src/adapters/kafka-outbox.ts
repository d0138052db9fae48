import type { Broker, Producer } from "@ethhook/kit";
import { PipelineError } from "@ethhook/schemas";
import { toRecord, type Topology } from "@ethhook/topology";
import type { Outbox } from "../core/ports.ts";

/** A person waits for the answer. */
const deliveryTimeoutMs = 5_000;

export interface KafkaOutbox extends Outbox {
  stop(): Promise<void>;
}

/** Writes to `deliveries`. It connects when first used: an API that sends no tests needs no broker. */
export function createKafkaOutbox(broker: Pick<Broker, "producer">, topology: Topology): KafkaOutbox {
  let started: Promise<Producer> | undefined;

  async function producer(): Promise<Producer> {
    started ??= (async () => {
      const made = broker.producer({ deliveryTimeoutMs });
      await made.start();
      return made;
    })();
    try {
      return await started;
    } catch (error) {
      started = undefined;
      throw error;
    }
  }

  return {
    async enqueue(delivery) {
      try {
        await (await producer()).send([toRecord(topology.deliveries, delivery)]);
      } catch (cause) {
        throw new PipelineError("UNAVAILABLE", "retry", "Kafka does not acknowledge.", { cause });
      }
    },
    async stop() {
      const made = await started?.catch(() => undefined);
      await made?.stop();
    },
  };
}
