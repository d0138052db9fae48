import { chainVariables, createKafka, createLogger, kafkaVariables, loadConfig } from "@ethhook/kit";
import {
  createTopology,
  dialects,
  renderMermaid,
  type DialectName,
  type PlanOptions,
  type Topology,
} from "@ethhook/topology";
import { Command, InvalidArgumentError, Option } from "commander";
import { runCommand } from "./command.ts";
import { applyTopology, planBroker, type TopologyAdmin } from "./topology/broker.ts";
import { describeTopology } from "./topology/describe.ts";
import { staleFiles, writeStaleFiles } from "./topology/generated.ts";
import { countChanges, tellPlan } from "./topology/tell.ts";

/** The broker, or a rendered file, is not as declared. */
const exitDrift = 2;

interface BrokerFlags {
  readonly dialect: DialectName;
  readonly replication: number;
  readonly allowRepartition: readonly string[];
}

const program = new Command("npm run topology --").description(
  "The pipeline's topics, keys and groups: shown, compared with the broker, applied.",
);

program
  .command("describe")
  .description("show every topic and group as declared")
  .option("--mermaid", "as a diagram")
  .action(({ mermaid }: { mermaid?: true }) =>
    runCommand(async () => {
      const topology = declared();
      console.log(mermaid ? renderMermaid(topology) : describeTopology(topology));
    }),
  );

onBroker("plan", "show what apply would change; changes nothing").action((flags: BrokerFlags) =>
  runCommand(() =>
    withAdmin(async (admin) => {
      const plan = await planBroker(admin, declared(), optionsOf(flags));
      console.log(`${tellPlan(plan)}\n${countChanges(plan)}`);
      return plan.changes.some(({ kind }) => kind === "refuse") ? 1 : 0;
    }),
  ),
);

onBroker("apply", "create and alter topics on the broker").action((flags: BrokerFlags) =>
  runCommand(() =>
    withAdmin(async (admin) => {
      const plan = await applyTopology(admin, declared(), optionsOf(flags));
      console.log(tellPlan(plan));
      return 0;
    }),
  ),
);

onBroker("check", `exit ${exitDrift} when the broker or a rendered file is not as declared`).action(
  (flags: BrokerFlags) =>
    runCommand(() =>
      withAdmin(async (admin) => {
        const plan = await planBroker(admin, declared(), optionsOf(flags));
        const stale = staleFiles();
        console.log(tellPlan(plan));
        for (const path of stale) console.log(`~ ${path} is old: npm run topology -- render --write`);
        return plan.changes.length + stale.length > 0 ? exitDrift : 0;
      }),
    ),
);

program
  .command("render")
  .description("name the rendered files that are old (ClickHouse DDL, diagram, rpk script, alerts, KEDA)")
  .option("--write", "write them anew")
  .action(({ write }: { write?: true }) =>
    runCommand(async () => {
      const paths = write ? writeStaleFiles() : staleFiles();
      if (paths.length === 0) console.log("every rendered file is as the topology says");
      for (const path of paths) console.log(`${write ? "wrote" : "old:"} ${path}`);
      return paths.length > 0 && !write ? exitDrift : 0;
    }),
  );

function onBroker(name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .addOption(
      new Option("--dialect <broker>", "whose settings to declare")
        .choices(Object.keys(dialects))
        .default("kafka")
        .env("TOPOLOGY_DIALECT"),
    )
    .addOption(
      new Option("--replication <n>", "replicas of a new topic; -1: the broker's default")
        .argParser(wholeNumber)
        .default(-1)
        .env("TOPOLOGY_REPLICATION"),
    )
    .option("--allow-repartition <topic...>", "let these released topics get more partitions: keys move", [])
    .addHelpText("after", "\nReads KAFKA_BROKERS (127.0.0.1:9092) and CHAINS_EXTRA.");
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < -1 || value === 0 || value > 9) {
    throw new InvalidArgumentError("expected 1 to 9, or -1");
  }
  return value;
}

function optionsOf({ dialect, replication, allowRepartition }: BrokerFlags): PlanOptions {
  return { dialect: dialects[dialect], replicationFactor: replication, allowRepartition };
}

function declared(): Topology {
  return createTopology(loadConfig(chainVariables, process.env).CHAINS_EXTRA);
}

async function withAdmin(work: (admin: TopologyAdmin) => Promise<number>): Promise<number> {
  const { KAFKA_BROKERS: brokers } = loadConfig(kafkaVariables, process.env);
  const logger = createLogger({ name: "topology", level: "error" });
  const admin = createKafka({ brokers, clientId: "topology", logger }).admin();
  try {
    return await work(admin);
  } finally {
    await admin.close();
  }
}

await program.parseAsync();
