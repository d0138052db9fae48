import type { InRecord } from "@ethhook/kit";
import type { MessageFormat } from "@ethhook/topology";
import { recordsOf } from "../replay/source.ts";
import type { ReplayPlan, Span } from "../replay/plan.ts";
import type { Session } from "../replay/session.ts";
import { clockMarginMs, type Evidence } from "./evidence.ts";
import type { PlacedLog, Trace } from "./types.ts";

/** Reads the topics themselves. */
export function createTopicEvidence({ topology, admin, reader }: Session): Evidence {
  /** Everything that a topic got from a time on; up to another time, or to what is there now. */
  async function spans(topic: string, fromMs: number, toMs: number | null): Promise<ReplayPlan> {
    const [bounds, begins, ends] = await Promise.all([
      admin.bounds(topic),
      admin.offsetsAt(topic, fromMs - clockMarginMs),
      toMs === null ? [] : admin.offsetsAt(topic, toMs + clockMarginMs),
    ]);
    const beginOf = new Map(begins.map(({ partition, offset }) => [partition, offset]));
    const endOf = new Map(ends.map(({ partition, offset }) => [partition, offset]));
    return Object.fromEntries(
      bounds.map(({ partition, start, end }): [string, Span] => [
        `${topic}:${partition}`,
        {
          from: Math.max(start, beginOf.get(partition) ?? end),
          until: Math.min(end, endOf.get(partition) ?? end),
        },
      ]),
    );
  }

  async function* messages<M>(
    topic: { readonly name: string; readonly message: MessageFormat<M> },
    fromMs: number,
    toMs: number | null,
  ): AsyncGenerator<readonly { readonly record: InRecord; readonly message: M }[]> {
    for await (const records of recordsOf(await spans(topic.name, fromMs, toMs), {}, reader)) {
      yield records.flatMap((record) => {
        const decoded = topic.message.decode(record.value);
        return decoded.ok ? [{ record, message: decoded.value }] : [];
      });
    }
  }

  return {
    name: "topics",
    async *logs({ chain, fromMs, toMs }) {
      for await (const some of messages(topology.logs.of(chain.id), fromMs, toMs)) {
        yield some.map(({ record: { partition, offset }, message: log }): PlacedLog => ({
          log,
          partition,
          offset,
        }));
      }
    },
    async traces({ chain, records, fromMs }) {
      const found = new Map<string, Trace>();
      for await (const some of messages(topology.deliveries, fromMs, null)) {
        for (const { record, message } of some) {
          const { webhookId, endpointId, sequence, chainId, origin } = message;
          if (origin !== "match" || chainId !== chain.id || !records.has(sequence) || found.has(webhookId))
            continue;
          found.set(webhookId, {
            webhookId,
            endpointId,
            sequence,
            partition: record.partition,
            offset: record.offset,
          });
        }
      }
      return found;
    },
    async fates({ fromMs }, ids) {
      const [delivered, attempted, dead] = [new Set<string>(), new Set<string>(), new Set<string>()];
      for await (const some of messages(topology.attempts, fromMs, null)) {
        for (const { message } of some) {
          for (const id of message.batch ?? [message.webhookId]) {
            if (!ids.has(id)) continue;
            attempted.add(id);
            if (message.outcome === "delivered") delivered.add(id);
          }
        }
      }
      for await (const some of messages(topology.deliveriesDlq, fromMs, null)) {
        for (const { message } of some) {
          for (const id of message.delivery.batch ?? [message.delivery.webhookId])
            if (ids.has(id)) dead.add(id);
        }
      }
      return { delivered, attempted, dead };
    },
    close: async () => undefined,
  };
}
