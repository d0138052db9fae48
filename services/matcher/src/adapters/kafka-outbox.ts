import type { Producer } from "@ethhook/kit";
import { createInFlight } from "../core/in-flight.ts";
import type { Outbox } from "../core/ports.ts";

/** Bytes of all partitions on their way to the broker above which matching waits. */
const inFlightBytesMax = 67_108_864;

/** Writes through the accumulating producer and bounds what is on its way. */
export function createKafkaOutbox(producer: Producer): Outbox {
  const inFlight = createInFlight(inFlightBytesMax);
  return {
    async send(records) {
      const size = records.reduce((sum, record) => sum + record.value.length, 0);
      inFlight.add(size);
      try {
        await producer.send(records);
      } finally {
        inFlight.remove(size);
      }
    },
    hasRoom: inFlight.hasRoom,
    room: inFlight.room,
  };
}
