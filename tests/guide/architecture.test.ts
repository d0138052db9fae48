import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { errorCatalogue } from "@ethhook/schemas";
import { builtInChains, createTopology, metricCatalogue } from "@ethhook/topology";
import { describe, expect, it } from "vitest";
import { claimsOf } from "./claims.ts";
import { root } from "./overlay.ts";

const topics = createTopology(builtInChains).topics.map((topic) => topic.name);
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  scripts: Record<string, string>;
};
const configuration = readFileSync(join(root, "CONFIG.md"), "utf8");
const documents = readdirSync(root).filter((name) => name.endsWith(".md"));

/** A setting is named in CONFIG.md, or ends as the settings of a chain, of an engine or of the demo do. */
const isVariable = (name: string) =>
  configuration.includes(`\`${name}\``) ||
  /_(?:URL|URLS|PORT|DATA|CACHE|DATABASE|KEY|LEVEL|BROKERS)$/.test(name);

/** What a document names and the project does not have. */
function untrue(markdown: string): readonly string[] {
  const claims = claimsOf(markdown, isVariable);
  return [
    ...claims.paths.filter((path) => !existsSync(join(root, path))),
    ...claims.topics.filter((topic) => !topics.includes(topic)),
    ...claims.metrics.filter((metric) => !(metric.replace(/_(?:bucket|sum|count)$/, "") in metricCatalogue)),
    ...claims.scripts.filter((script) => !(script in manifest.scripts)),
    ...claims.errors.filter((code) => !(code in errorCatalogue)),
  ];
}

describe("the documents", () => {
  it.each(documents)("%s names only files, topics, metrics, commands and errors that exist", (name) => {
    expect(untrue(readFileSync(join(root, name), "utf8"))).toEqual([]);
  });

  it.each([
    ["a file", "see `services/matcher/src/core/magic.ts`", "services/matcher/src/core/magic.ts"],
    ["a link", "see [this](tests/guide/nothing.ts#L1)", "tests/guide/nothing.ts"],
    ["a topic", "written to `deliveries.later`", "deliveries.later"],
    ["a metric", "watch `ethhook_matcher_magic_total`", "ethhook_matcher_magic_total"],
    ["a command", "type `npm run magic`", "magic"],
    ["an error", "answers `MAGIC_FAILED`", "MAGIC_FAILED"],
  ])("would be found out if they named %s that does not exist", (_, text, found) => {
    expect(untrue(text)).toEqual([found]);
  });

  it("may name what exists", () => {
    const text =
      "`services/kit/src/index.ts`, `logs.base`, `logs.<chain>`, `pipeline_deliveries_attempted_total`, `npm run bench`," +
      " `KAFKA_BROKERS`, `PORT_IN_USE`, [guide](tests/guide/claims.ts), [elsewhere](https://example.org)";
    expect(untrue(text)).toEqual([]);
  });
});
