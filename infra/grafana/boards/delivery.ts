import { gauge, quantiles, rate, type Dashboard } from "../panels.ts";

/** Webhooks: how they end, what waits, which endpoints are in trouble. */
export const deliveryBoard: Dashboard = {
  uid: "delivery",
  title: "EthHook: delivery",
  rows: [
    {
      title: "POSTs",
      panels: [
        {
          title: "How they ended",
          description: "By outcome.",
          unit: "reqps",
          stacked: true,
          queries: [rate("pipeline_deliveries_attempted_total", ["status"])],
        },
        {
          title: "One exchange",
          description: "From its start to the end of the answer: the receivers' time.",
          unit: "s",
          queries: quantiles("ethhook_delivery_exchange_seconds"),
        },
        {
          title: "Under way",
          description: "Slow ones are older than half a second and no longer count against the global limit.",
          unit: "short",
          stacked: true,
          queries: [gauge("sum", "ethhook_delivery_in_flight_requests", ["pool"])],
        },
      ],
    },
    {
      title: "Waiting",
      panels: [
        {
          title: "Queued, and endpoints with work",
          description: "Taken over from the topic and not yet begun.",
          unit: "short",
          queries: [gauge("sum", "ethhook_delivery_queued_jobs"), gauge("sum", "ethhook_delivery_lanes")],
        },
        {
          title: "Oldest open delivery",
          description: "Neither settled nor parked. Above 120 s something is stuck.",
          unit: "s",
          queries: [gauge("max", "ethhook_delivery_oldest_open_job_seconds", ["instance"])],
        },
        {
          title: "Parked and released",
          description: "Into Postgres to be sent later, and back onto the topic.",
          unit: "ops",
          queries: [
            rate("ethhook_delivery_parked_total", ["reason"]),
            { ...rate("ethhook_delivery_released_total"), legend: "released" },
          ],
        },
      ],
    },
    {
      title: "Endpoints in trouble",
      panels: [
        {
          title: "Circuit breakers",
          description: "An open one keeps an endpoint's failures from the others.",
          unit: "short",
          queries: [gauge("sum", "ethhook_delivery_breakers", ["state"])],
        },
        {
          title: "Given up",
          description: "Deliveries that went to the dead letters.",
          unit: "ops",
          queries: [rate("ethhook_delivery_dead_total", ["reason"])],
        },
        {
          title: "Waiting for Postgres",
          description: "Rows in memory. Above 1,000 for long is a page.",
          unit: "short",
          queries: [gauge("max", "ethhook_delivery_postgres_pending_writes", ["instance"])],
        },
      ],
    },
  ],
};
