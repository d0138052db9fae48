import type { Logger, OutRecord, Producer } from "@ethhook/kit";
import type { Attempt, DeadDelivery, Delivery } from "@ethhook/schemas";
import { toRecord, type Topology } from "@ethhook/topology";
import type { AttemptLog, DeadLetters } from "../core/ports.ts";

/** Everything that delivery writes to the log. */
export interface KafkaOutbox extends AttemptLog, DeadLetters {
  /** Parked deliveries that are due, back to where they came from. Rejects when the broker did not take them. */
  release(deliveries: readonly Delivery[]): Promise<void>;
  stop(): void;
}

const replays: ReadonlySet<Delivery["origin"]> = new Set(["replay", "redrive"]);
const againMs = 1_000;

export function createKafkaOutbox(producer: Producer, topology: Topology, logger: Logger): KafkaOutbox {
  let stopped = false;

  /** Until the broker has it: the job behind it is not settled, so nothing is lost if the process ends meanwhile. */
  async function persist(record: OutRecord, urgent: boolean): Promise<void> {
    for (;;) {
      try {
        return await producer.send([record], { urgent });
      } catch (error) {
        if (stopped) return new Promise(() => undefined);
        logger.warn(
          { event: "outbox.refused", topic: record.topic, err: error },
          "not written, again in a second",
        );
        await new Promise((resolve) => setTimeout(resolve, againMs));
      }
    }
  }

  return {
    append: (attempt: Attempt, urgent: boolean) => persist(toRecord(topology.attempts, attempt), urgent),
    bury: (dead: DeadDelivery) => persist(toRecord(topology.deliveriesDlq, dead), false),
    release: (deliveries) =>
      producer.send(
        deliveries.map((delivery) =>
          toRecord(replays.has(delivery.origin) ? topology.deliveriesReplay : topology.deliveries, delivery),
        ),
        { urgent: true },
      ),
    stop() {
      stopped = true;
    },
  };
}
