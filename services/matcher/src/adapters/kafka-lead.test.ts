import { createLogger } from "@ethhook/kit";
import type { Pool } from "@ethhook/kit/postgres";
import { builtInChains, createTopology } from "@ethhook/topology";
import { expect, onTestFinished, test } from "vitest";
import { createKafkaLeads } from "./kafka-lead.ts";

const [chain] = builtInChains;
const where = { chainId: chain?.id ?? 0, chain: chain?.name ?? "", partition: 0 };

/** A lead at an offset that the test sets; counts how often it is asked. */
function setUp() {
  const lead = { offset: 7, questions: 0 };
  const leads = createKafkaLeads({
    admin: {
      committedOffsets: async (_, topics = []) => {
        lead.questions += 1;
        return topics.map((topic) => ({ topic, partition: where.partition, offset: lead.offset }));
      },
      close: async () => undefined,
    },
    pool: {
      query: async () => ({
        rows: [{ chain_id: where.chainId, partition: where.partition, from_sequence: 1, version: 4 }],
      }),
    } as unknown as Pool,
    topology: createTopology(builtInChains),
    logger: createLogger({ name: "test", level: "silent" }),
  });
  onTestFinished(() => leads.stop());
  return { lead, leads };
}

test("a group that begins to follow knows at once how far the lead is, and what it recorded", async () => {
  const { leads } = setUp();
  const view = leads.view();
  const epochs = await view.follow([where]);
  expect(view.passed(where)).toBe(7);
  expect([...epochs.values()].map((one) => one.newest())).toEqual([{ fromSequence: 1, version: 4 }]);
});

test("one question serves all groups that ask, and a lead that was set back has still passed what it had", async () => {
  const { lead, leads } = setUp();
  const views = [leads.view(), leads.view()];
  for (const view of views) await view.follow([where]);
  const before = lead.questions;
  lead.offset = 12;
  await Promise.all(views.map((view) => view.refresh()));
  expect(views.map((view) => view.passed(where))).toEqual([12, 12]);
  expect(lead.questions).toBe(before + 1);
  lead.offset = 3;
  await Promise.all(views.map((view) => view.refresh()));
  expect(views.map((view) => view.passed(where))).toEqual([12, 12]);
});
