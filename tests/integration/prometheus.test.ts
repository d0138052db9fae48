import { spawnSync } from "node:child_process";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { startPrometheus, type Engine } from "@ethhook/infra";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

interface Answer {
  readonly data: {
    readonly activeTargets: readonly { readonly labels: { readonly job: string }; readonly health: string }[];
    readonly groups: readonly {
      readonly name: string;
      readonly rules: readonly { readonly health: string }[];
    }[];
    readonly alerts: readonly { readonly labels: Readonly<Record<string, string>> }[];
  };
}

describe.runIf(!spawnSync("prometheus", ["--version"]).error)(
  "the Prometheus of npm start -- --prometheus",
  () => {
    let service: Server;
    let prometheus: Engine;
    beforeAll(async () => {
      // A service that stands for any other: one metric, in the text format.
      service = createServer((_request, response) =>
        response.end('ethhook_matcher_partitions_stopped{group="matcher.latest"} 1\n'),
      ).listen(0, "127.0.0.1");
      await new Promise((resolve) => service.once("listening", resolve));
      const { port } = service.address() as AddressInfo;
      const targets = { matcher: [`127.0.0.1:${port}`], delivery: ["127.0.0.1:9"] };
      prometheus = await startPrometheus({ targets, scrapeIntervalSeconds: 1 });
    });
    afterAll(async () => {
      await prometheus.stop();
      service.close();
    });

    const ask = async (path: string): Promise<Answer["data"]> =>
      ((await (await fetch(`${prometheus.url}/api/v1/${path}`)).json()) as Answer).data;

    it("scrapes what it is given, and sees what does not answer", async () => {
      const health = async (): Promise<Record<string, string>> =>
        Object.fromEntries(
          (await ask("targets")).activeTargets.map(({ labels, health }) => [labels.job, health]),
        );
      await expect.poll(health, { timeout: 10_000 }).toEqual({ matcher: "up", delivery: "down" });
    });

    it("loads the rules of this repository and evaluates them without an error", async () => {
      const { groups } = await ask("rules");
      expect(groups.map(({ name }) => name)).toEqual(
        expect.arrayContaining(["ethhook-lag", "ethhook-ingestor", "ethhook-delivery"]),
      );
      const evaluated = async (): Promise<readonly string[]> =>
        (await ask("rules")).groups.flatMap(({ rules }) => rules.map(({ health }) => health));
      await expect.poll(async () => new Set(await evaluated()), { timeout: 40_000 }).toEqual(new Set(["ok"]));
    });

    it("has the alert of a stopped partition pending", async () => {
      const names = async (): Promise<readonly (string | undefined)[]> =>
        (await ask("alerts")).alerts.map(({ labels }) => labels["alertname"]);
      await expect.poll(names, { timeout: 20_000 }).toContain("EthhookPartitionStopped");
    });
  },
);
