import type { Broker, OutRecord, TransactionalProducer } from "@ethhook/kit";
import { PipelineError } from "@ethhook/schemas";
import type { Sabotage } from "./scenario.ts";

type Ports = Pick<Broker, "transactionalProducer" | "reader" | "consumer">;

/** The broker as a process with a planted bug would use it; the broker itself, when there is none. */
export function sabotaged(broker: Broker, process: string, sabotage: Sabotage | undefined): Ports {
  const base: Ports = {
    consumer: broker.consumer,
    reader: broker.reader,
    transactionalProducer: broker.transactionalProducer,
  };
  const changed = (change: (records: OutRecord[]) => OutRecord[]): Ports => ({
    ...base,
    transactionalProducer(id, options) {
      const producer = broker.transactionalProducer(id, options);
      return { ...producer, transact: (records) => producer.transact(change([...records])) };
    },
  });
  switch (sabotage) {
    case "publishes without a transaction":
      return { ...base, transactionalProducer: () => withoutTransactions(broker) };
    case "repeats a transaction whose outcome is unknown":
      return { ...base, transactionalProducer: (id) => repeating(broker, id) };
    case "is never fenced":
      return { ...base, transactionalProducer: (id) => broker.transactionalProducer(`${id}.${process}`) };
    case "forgets removals":
      return changed((records) => records.filter((record) => !isRemovedLog(record)));
    case "publishes a block backwards":
      return changed((records) => [
        ...records.filter(isLog).toReversed(),
        ...records.filter((record) => !isLog(record)),
      ]);
    case "never says what is final":
      return changed((records) =>
        records.filter(({ value }) => !String(value).includes('"kind":"finalized"')),
      );
    case "publishes without proof":
    case "nobody tells the truth":
    case undefined:
      return base;
  }
}

const isLog = ({ topic }: OutRecord) => topic.startsWith("logs.");
const isRemovedLog = (record: OutRecord) =>
  isLog(record) && String(record.value).includes('"kind":"removed"');

function withoutTransactions(broker: Broker): TransactionalProducer {
  const producer = broker.producer();
  return {
    start: () => producer.start(),
    stop: () => producer.stop(),
    async transact(records) {
      for (const record of records) await producer.send([record]);
    },
  };
}

function repeating(broker: Broker, id: string): TransactionalProducer {
  let producer = broker.transactionalProducer(id);
  return {
    start: () => producer.start(),
    stop: () => producer.stop(),
    async transact(iterable) {
      const records = [...iterable];
      try {
        await producer.transact(records);
      } catch (error) {
        if (!(error instanceof PipelineError) || error.code !== "TRANSACTION_UNKNOWN") throw error;
        producer = broker.transactionalProducer(id);
        await producer.start();
        await producer.transact(records);
      }
    },
  };
}
