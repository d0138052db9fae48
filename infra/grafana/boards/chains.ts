import { gauge, quantiles, rate, type Dashboard } from "../panels.ts";

const chains = '{chain=~"$chain"}';

/** Each chain: progress, reorgs, providers. */
export const chainsBoard: Dashboard = {
  uid: "chains",
  title: "EthHook: chains",
  variables: [{ label: "chain", metric: "ethhook_ingestor_blocks_published_total" }],
  rows: [
    {
      title: "Progress",
      panels: [
        {
          title: "Blocks published",
          description: "A flat line at 0 is a chain that stands still.",
          unit: "ops",
          queries: [rate("ethhook_ingestor_blocks_published_total", ["chain", "kind"], chains)],
        },
        {
          title: "Logs published",
          description: "New ones, and those that a reorg took back.",
          unit: "ops",
          queries: [rate("ethhook_ingestor_logs_published_total", ["chain", "kind"], chains)],
        },
        {
          title: "Head heard of to published",
          description: "What a provider and the broker cost.",
          unit: "s",
          queries: quantiles("ethhook_ingestor_head_to_published_seconds", ["chain"], chains),
        },
      ],
    },
    {
      title: "Reorgs",
      panels: [
        {
          title: "Reorgs",
          description: "A final block among them is a page.",
          unit: "ops",
          queries: [rate("ethhook_ingestor_reorgs_total", ["chain", "finalized"], chains)],
        },
        {
          title: "Depth",
          description: "Blocks taken back.",
          unit: "short",
          queries: quantiles("ethhook_ingestor_reorg_depth_blocks", ["chain"], chains),
        },
        {
          title: "Newest block in the ledger",
          description: "Of the replica that publishes.",
          unit: "none",
          kind: "stat",
          queries: [gauge("max", "ethhook_ingestor_tip_block", ["chain"], chains)],
        },
      ],
    },
    {
      title: "Providers",
      panels: [
        {
          title: "Failures by provider",
          description: "Requests without a usable answer, by kind.",
          unit: "ops",
          queries: [rate("ethhook_ingestor_provider_failures_total", ["provider", "failure"], chains)],
        },
        {
          title: "Checks that failed",
          description: "Logs that did not match their block's header; never published.",
          unit: "ops",
          queries: [
            rate(
              "ethhook_ingestor_block_checks_total",
              ["provider", "check", "outcome"],
              '{chain=~"$chain", outcome!="passed"}',
            ),
          ],
        },
        {
          title: "Logs matched",
          description: "Share of the logs that some endpoint was told of is in the pipeline's dashboard.",
          unit: "ops",
          queries: [rate("ethhook_matcher_logs_matched_total", ["chain", "group"], chains)],
        },
      ],
    },
  ],
};
