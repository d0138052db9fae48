import { statisticsHoursMax, type StatisticsCounts } from "@ethhook/schemas/api";
import { answer, refuse } from "./answer.ts";
import type { Handlers } from "./operations.ts";
import type { EndpointStore, HealthStore, HourStatistics, StatisticsStore } from "./ports.ts";

type StatisticsHandlers = Pick<Handlers, "getStatistics" | "getEndpointHealth">;

export interface StatisticsPorts {
  readonly statistics: StatisticsStore;
  readonly health: HealthStore;
  readonly endpoints: Pick<EndpointStore, "find">;
  /** Unix milliseconds. */
  readonly now: () => number;
}

const hourMs = 3_600_000;

/** How it goes. */
export function createStatistics(ports: StatisticsPorts): StatisticsHandlers {
  return {
    async getStatistics({ query }, { userId }) {
      const untilMs = query.until === undefined ? ports.now() : Date.parse(query.until);
      const sinceMs = query.since === undefined ? untilMs - 24 * hourMs : Date.parse(query.since);
      if (untilMs - sinceMs > statisticsHoursMax * hourMs) {
        const message = `at most ${statisticsHoursMax} hours at once`;
        return refuse("INVALID_REQUEST", `query.since: ${message}`, [{ path: "query.since", message }]);
      }
      // Statistics are kept by whole hours: the one in which the period begins counts as a whole.
      const firstHourMs = Math.floor(sinceMs / hourMs) * hourMs;
      const period = { sinceMs: firstHourMs, untilMs };
      const { hours, latencyMs } = await ports.statistics.byHour(userId, query, period);
      return answer({
        since: new Date(firstHourMs).toISOString(),
        until: new Date(untilMs).toISOString(),
        total: countsOf({ ...hours.reduce(sum, nothing), latencyMs }),
        hours: hours.map((hour) => ({ hour: hour.hour, ...countsOf(hour) })),
      });
    },

    async getEndpointHealth({ params: { endpointId } }, { userId }) {
      const endpoint = await ports.endpoints.find(userId, endpointId);
      if (endpoint === null) return refuse("NOT_FOUND", `There is no endpoint ${endpointId}.`);
      const { applicationId, status, disabledReason } = endpoint;
      const health = await ports.health.of(endpointId);
      return answer({ endpointId, applicationId, status, disabledReason, ...health });
    },
  };
}

const nothing: HourStatistics = {
  hour: "",
  webhooks: 0,
  removals: 0,
  attempts: 0,
  delivered: 0,
  latencyMs: null,
};

/** What can be added of two hours, or of all of them. */
function sum(a: HourStatistics, b: HourStatistics): HourStatistics {
  return {
    hour: b.hour,
    webhooks: a.webhooks + b.webhooks,
    removals: a.removals + b.removals,
    attempts: a.attempts + b.attempts,
    delivered: a.delivered + b.delivered,
    latencyMs: null,
  };
}

function countsOf(of: HourStatistics): StatisticsCounts {
  const { webhooks, removals, attempts, delivered, latencyMs } = of;
  return { webhooks, removals, attempts, delivered, failed: attempts - delivered, latencyMs };
}
