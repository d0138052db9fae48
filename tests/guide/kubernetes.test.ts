import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Ajv } from "ajv";
import { beforeAll, describe, expect, it } from "vitest";
import { parse, parseAllDocuments } from "yaml";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = `${root}infra/kubernetes/`;
const text = (name: string): string => readFileSync(folder + name, "utf8");

interface EnvEntry {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: {
    readonly configMapKeyRef?: { key: string };
    readonly secretKeyRef?: { key: string };
  };
}
interface Container {
  readonly name: string;
  readonly args: readonly string[];
  readonly env: readonly EnvEntry[];
  readonly ports?: readonly { readonly containerPort: number }[];
}
interface Labels {
  readonly matchLabels: Readonly<Record<string, string>>;
}
interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly selector?: Labels;
    readonly replicas?: number;
    readonly scaleTargetRef?: { readonly name: string };
    readonly template?: {
      readonly metadata: { readonly labels: Readonly<Record<string, string>> };
      readonly spec: {
        readonly containers: readonly Container[];
        readonly initContainers?: readonly Container[];
      };
    };
  };
}
interface Kustomization {
  readonly resources: readonly string[];
  readonly configMapGenerator: readonly { readonly literals: readonly string[] }[];
}

const kustomization = parse(text("kustomization.yaml")) as Kustomization;
const manifests = kustomization.resources.flatMap((name) =>
  parseAllDocuments(text(name)).map((document) => [name, document.toJS() as Manifest] as const),
);
const ofKind = (kind: string): readonly Manifest[] =>
  manifests.flatMap(([, manifest]) => (manifest.kind === kind ? [manifest] : []));
const containers = manifests.flatMap(([, { spec }]) => [
  ...(spec?.template?.spec.initContainers ?? []),
  ...(spec?.template?.spec.containers ?? []),
]);

it("every manifest in the folder is part of the kustomization", () => {
  const files = readdirSync(folder).filter((name) => name.endsWith(".yaml") && name !== "kustomization.yaml");
  expect(new Set(kustomization.resources)).toEqual(new Set(files));
});

/** What the schema of its kind says against a manifest; none if it is right. */
function problems(manifest: Manifest): readonly unknown[] {
  const schema = JSON.parse(readFileSync(`${root}tests/support/kubernetes.schema.json`, "utf8")) as object;
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false, validateSchema: false });
  const validate = ajv.compile({ ...schema, $ref: `#/$defs/kind.${manifest.kind}` });
  validate(manifest);
  return validate.errors ?? [];
}

it.each(manifests)("%s is valid by the schema of its kind, without unknown fields", (_file, manifest) => {
  expect(problems(manifest)).toEqual([]);
});

it("a misspelt field would be found", () => {
  const [deployment] = ofKind("Deployment");
  const misspelt = { ...deployment!, spec: { ...deployment!.spec, replica: 2 } };
  expect(problems(misspelt)).toMatchObject([{ params: { additionalProperty: "replica" } }]);
});

it.runIf(!spawnSync("kubectl", ["version", "--client"]).error)("kubectl builds the kustomization", () => {
  const built = execFileSync("kubectl", ["kustomize", folder], { encoding: "utf8" });
  const documents = parseAllDocuments(built).map((document) => document.toJS() as Manifest);
  expect(documents).toHaveLength(manifests.length + kustomization.configMapGenerator.length);
});

it("selectors choose the pods of their own template", () => {
  for (const { spec } of ofKind("Deployment"))
    expect(spec.template?.metadata.labels).toMatchObject(spec.selector?.matchLabels ?? { missing: "" });
});

it("every deployment of several pods has a disruption budget, every autoscaler one without a fixed count", () => {
  const deployments = ofKind("Deployment");
  const budgets = ofKind("PodDisruptionBudget").map(({ spec }) => spec.selector?.matchLabels);
  const several = deployments.filter(({ spec }) => spec.replicas !== 1);
  expect(several.map(({ spec }) => spec.selector?.matchLabels)).toEqual(expect.arrayContaining(budgets));
  expect(budgets).toHaveLength(several.length);
  const scaled = ofKind("ScaledObject").map(({ spec }) => spec.scaleTargetRef?.name);
  const free = deployments
    .filter(({ spec }) => spec.replicas === undefined)
    .map(({ metadata }) => metadata.name);
  expect(new Set(scaled)).toEqual(new Set(free));
});

it("every setting that a container reads is in the config map or in the secret's example", () => {
  const settings = kustomization.configMapGenerator.flatMap(({ literals }) =>
    literals.map((literal) => literal.split("=")[0]),
  );
  const secrets = [...text("secrets.env.example").matchAll(/^([A-Z_]+)=/gm)].map((match) => match[1]);
  const entries = containers.flatMap(({ env }) => env);
  const keys = (source: "configMapKeyRef" | "secretKeyRef"): Set<string> =>
    new Set(entries.flatMap(({ valueFrom }) => valueFrom?.[source]?.key ?? []));
  expect(keys("configMapKeyRef")).toEqual(new Set(settings));
  expect(keys("secretKeyRef")).toEqual(new Set(secrets));
});

describe.each(containers.filter(({ args }) => args[0]?.startsWith("services/")))("$name", (container) => {
  let known: readonly string[] = [];
  beforeAll(() => {
    const help = execFileSync(process.execPath, [container.args[0] ?? "", "--help"], {
      cwd: root,
      encoding: "utf8",
    });
    known = [...help.matchAll(/^ {2}([A-Z][A-Z0-9_]+) /gm)].map((match) => match[1] ?? "");
  });
  const given = container.env.map(({ name }) => name);

  it("is given only variables that it knows, and told where everything is", () => {
    expect(given.filter((name) => !known.includes(name))).toEqual([]);
    const places = ["KAFKA_BROKERS", "DATABASE_URL", "CLICKHOUSE_URL", "HTTP_HOST", "SECRETS_KEY"];
    expect(places.filter((name) => known.includes(name) && !given.includes(name))).toEqual([]);
  });

  it("answers its probes on the port that it is given", () => {
    const port = container.env.find(({ name }) => name === "HTTP_PORT")?.value;
    expect(container.ports?.map(({ containerPort }) => String(containerPort))).toEqual([port]);
  });
});
