import { WebSocketProvider } from "ethers";
import { serve } from "../load/worker.ts";
import { bareKafka } from "./kafka.ts";

interface Settings {
  readonly brokers: readonly string[];
  readonly url: string;
}

export interface NaiveIngest {
  readonly topic: string;
  readonly fromBlock: number;
  /** The last block may go beyond it. */
  readonly logs: number;
}

export interface Ingested {
  readonly logs: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
}

/** The naive way: ethers' `getLogs` of one block after the other, and one awaited `send` for each log. Proves nothing. */
await serve<Settings, NaiveIngest>(async ({ brokers, url }) => {
  const producer = bareKafka(brokers).producer({ allowAutoTopicCreation: false });
  await producer.connect();
  const provider = new WebSocketProvider(url);

  async function answer({ topic, fromBlock, logs }: NaiveIngest): Promise<Ingested> {
    const cpu = process.cpuUsage();
    const startedMs = performance.now();
    let done = 0;
    for (let block = fromBlock; done < logs; block += 1) {
      for (const log of await provider.getLogs({ fromBlock: block, toBlock: block })) {
        await producer.send({
          topic,
          acks: -1,
          messages: [{ key: log.address, value: JSON.stringify(log) }],
        });
        done += 1;
      }
    }
    const { user, system } = process.cpuUsage(cpu);
    return {
      logs: done,
      seconds: (performance.now() - startedMs) / 1000,
      cpuSeconds: (user + system) / 1e6,
    };
  }

  return {
    answer,
    stop: async () => {
      await provider.destroy();
      await producer.disconnect();
    },
  };
});
