import type { MetricName } from "../metrics/catalogue.ts";
import type { Topology } from "../topics.ts";
import type { ConsumerGroup } from "../types.ts";

/** One alert rule of Prometheus. */
export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly severity: "page" | "ticket";
  readonly summary: string;
  /** Heading of OPERATIONS.md, as its link fragment. */
  readonly runbook: string;
}

const metric = (name: MetricName): MetricName => name;

/** How old the oldest open record of a group may get, in seconds, before someone should look. */
function lagSecondsMax(group: ConsumerGroup): number {
  if (group.member === "clickhouse") return 120;
  return group.member === "delivery" ? 60 : 30;
}

/** Alerts that follow from the topology: each group's lag, its members, and the nearness of retention. */
export function lagAlerts(topology: Topology): readonly AlertRule[] {
  const services = topology.groups.filter(({ member }) => member !== "clickhouse");
  return [
    ...topology.groups.map((group): AlertRule => {
      const seconds = lagSecondsMax(group);
      const lag = `max by (group) (${metric("ethhook_lag_seconds")}{group="${group.id}"})`;
      const eligible = `sum by (group) (${metric("ethhook_lag_eligible_records")}{group="${group.id}"})`;
      return {
        alert: `EthhookLag_${group.id.replaceAll(".", "_")}`,
        // A group that waits for finality always lags; it is late only when something eligible is old.
        expr: group.waitsFor === undefined ? `${lag} > ${seconds}` : `${eligible} > 1000`,
        for: "5m",
        severity: group.member === "clickhouse" ? "ticket" : "page",
        summary: `${group.id} falls behind (${group.purpose})`,
        runbook: "a-group-falls-behind",
      };
    }),
    {
      alert: "EthhookLagNearsRetention",
      expr: `max by (group, topic) (${metric("ethhook_lag_retention_ratio")}) > 0.5`,
      for: "5m",
      severity: "page",
      summary: "{{ $labels.group }} has used half the time before {{ $labels.topic }} deletes records unread",
      runbook: "lag-nears-retention",
    },
    ...services.map((group): AlertRule => ({
      alert: `EthhookNoMembers_${group.id.replaceAll(".", "_")}`,
      expr: `max by (group) (${metric("ethhook_lag_group_members")}{group="${group.id}"}) == 0`,
      for: "2m",
      severity: "page",
      summary: `no ${group.member} process is in group ${group.id}`,
      runbook: "a-group-has-no-members",
    })),
    {
      alert: "EthhookLagUnknown",
      expr: `absent(${metric("ethhook_lag_scrape_timestamp_seconds")}) or time() - ${metric("ethhook_lag_scrape_timestamp_seconds")} > 120`,
      for: "5m",
      severity: "ticket",
      summary: "nobody reads the lag: `npm run lag -- --serve` does not run or cannot reach the broker",
      runbook: "nobody-reads-the-lag",
    },
  ];
}

/** Rules as the YAML file that Prometheus loads. Pure text. */
export function renderAlerts(group: string, rules: readonly AlertRule[]): string {
  const text = JSON.stringify;
  const blocks = rules.map(
    (rule) => `      - alert: ${rule.alert}
        expr: ${text(rule.expr)}
        for: ${rule.for}
        labels:
          severity: ${rule.severity}
        annotations:
          summary: ${text(rule.summary)}
          runbook: ${text(`OPERATIONS.md#${rule.runbook}`)}`,
  );
  const head = "# Rendered from the topology by `npm run topology -- render --write`. Do not edit.";
  return `${head}\ngroups:\n  - name: ${group}\n    rules:\n${blocks.join("\n")}\n`;
}
