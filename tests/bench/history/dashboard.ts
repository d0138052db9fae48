import { percentile } from "../frame/statistics.ts";
import type { BenchUser } from "./stage.ts";

const dayMs = 86_400_000;

/** One question that a dashboard asks. */
type Page = (user: BenchUser, sinceMonth: string) => Promise<unknown>;

/** What the pages of a dashboard ask the API, each for one user. */
export const pages = {
  statistics24h: (user) => user.api("getStatistics", { query: {} }),
  statistics30d: (user, since) => user.api("getStatistics", { query: { since } }),
  endpoint30d: (user, since) =>
    user.api("getStatistics", { query: { since, endpointId: user.endpoints[0]?.endpointId ?? "" } }),
  webhooks: (user) => user.api("searchDeliveries", { query: { limit: 50 } }),
  webhooksOfEndpoint30d: (user, since) =>
    user.api("searchDeliveries", {
      query: { since, limit: 50, endpointId: user.endpoints[1]?.endpointId ?? "" },
    }),
  failed30d: (user, since) => user.api("searchDeliveries", { query: { since, limit: 50, status: "failed" } }),
  attempts: (user) => user.api("searchAttempts", { query: { limit: 50 } }),
  timeouts30d: (user, since) =>
    user.api("searchAttempts", { query: { since, limit: 50, outcome: "timeout" } }),
  webhook: async (user) => {
    const webhookId = await someWebhook(user);
    return webhookId === undefined ? undefined : user.api("getDelivery", { params: { webhookId } });
  },
} as const satisfies Record<string, Page>;

const webhookIds = new Map<string, string>();

/** The newest webhook of a user: looked up once, outside of what is timed. */
async function someWebhook(user: BenchUser): Promise<string | undefined> {
  return webhookIds.get(user.id);
}

export async function prepareDashboard(users: readonly BenchUser[]): Promise<void> {
  for (const user of users) {
    const { items } = await user.api("searchDeliveries", { query: { limit: 1 } });
    const [first] = items;
    if (first === undefined) throw new Error(`no webhook of ${user.id} in the last day`);
    webhookIds.set(user.id, first.webhookId);
  }
}

/** Every page for every user, one after the other. @returns p95 by page, of all pages together, and of the slowest one. */
export async function openDashboards(
  users: readonly BenchUser[],
  rounds: number,
): Promise<Readonly<Record<string, number>>> {
  const since = new Date(Date.now() - 30 * dayMs).toISOString();
  const times = new Map<string, number[]>(Object.keys(pages).map((name) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const user of users) {
      for (const [name, page] of Object.entries(pages)) {
        const startedMs = performance.now();
        await page(user, since);
        times.get(name)?.push(performance.now() - startedMs);
      }
    }
  }
  const p95 = (values: readonly number[]) =>
    percentile(
      values.toSorted((a, b) => a - b),
      95,
    );
  const byPage = [...times].map(([name, values]) => [`${name}P95Ms`, p95(values)] as const);
  return {
    ...Object.fromEntries(byPage),
    allPagesP95Ms: p95([...times.values()].flat()),
    slowestPageP95Ms: Math.max(...byPage.map(([, value]) => value)),
  };
}

/** The numbers that the old dashboard showed: a day and a month of one user. @returns milliseconds. */
export async function numbersMs(user: BenchUser): Promise<number> {
  const since = new Date(Date.now() - 30 * dayMs).toISOString();
  const startedMs = performance.now();
  await pages.statistics24h(user);
  await pages.statistics30d(user, since);
  return performance.now() - startedMs;
}
