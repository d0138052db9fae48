import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { basename, dirname, join } from "node:path";
import { PipelineError } from "@ethhook/schemas";
import { cacheFolder, isWritable } from "../folders.ts";
import { withLock } from "../lock.ts";
import { choosePort } from "../ports.ts";
import { spawnEngine, untilReady } from "../process.ts";
import { spawnGuarded } from "../watchdog.ts";
import { brokerJvmFlags, type Java } from "./jvm.ts";
import { brokerAnswers } from "./metadata.ts";
import { brokerProperties } from "./properties.ts";
import { copyPluginVersion, kafkaVersion, pom } from "./versions.ts";

export interface KafkaInstallation {
  readonly classPath: string;
  /** Loaded classes of a started broker, mapped into memory at the next start: 0.9 s instead of 1.8 s. */
  readonly classArchive: string;
  /** A formatted, empty data folder, to be copied: formatting takes a second JVM. */
  readonly emptyData: string;
}

/**
 * The broker's jars and its prepared files, downloaded once per user (46 jars, 44 MB) and made ready once per JVM.
 * Safe to call from many processes at once: one works, the others wait.
 * @throws PipelineError `ENGINE_MISSING` without Maven, `ENGINE_FAILED` when the download fails.
 */
export async function installKafka(
  java: Java,
  onProgress: (line: string) => void,
): Promise<KafkaInstallation> {
  const home = join(cacheFolder(), `kafka-${kafkaVersion}`);
  const installation: KafkaInstallation = {
    classPath: join(home, "jars", "*"),
    classArchive: join(home, `classes-${java.build}.jsa`),
    emptyData: join(home, "empty-data"),
  };
  if (existsSync(installation.classArchive) && existsSync(installation.emptyData)) return installation;
  return withLock(`${home}.lock`, async () => {
    removeRemains(home);
    if (!existsSync(join(home, "jars"))) await downloadJars(home, onProgress);
    if (!existsSync(installation.emptyData)) formatEmptyData(java, installation, home);
    if (!existsSync(installation.classArchive)) {
      onProgress("Preparing Kafka for fast starts (once) …");
      await writeClassArchive(java, installation, home);
    }
    return installation;
  });
}

/** What an installation that was interrupted left behind; the lock says that none is under way. */
function removeRemains(home: string): void {
  const remains = readdirSync(dirname(home)).filter((name) => name.startsWith(`${basename(home)}.part-`));
  for (const name of remains) rmSync(join(dirname(home), name), { recursive: true, force: true });
}

async function downloadJars(home: string, onProgress: (line: string) => void): Promise<void> {
  if (spawnSync("mvn", ["--version"], { stdio: "ignore" }).error) {
    throw new PipelineError(
      "ENGINE_MISSING",
      "crash",
      "Maven (`mvn`) is not on PATH, and the local Kafka broker is downloaded with it. Install it (Debian, Ubuntu: `apt install maven`; macOS: `brew install maven`), or set KAFKA_BROKERS to a broker that runs elsewhere.",
    );
  }
  onProgress(`Downloading Apache Kafka ${kafkaVersion} with Maven (once, 44 MB) …`);
  const startedAt = performance.now();
  const part = `${home}.part-jars`;
  mkdirSync(part, { recursive: true });
  writeFileSync(join(part, "pom.xml"), pom);
  try {
    await runMaven(part);
    rmSync(join(part, "repository"), { recursive: true, force: true });
    rmSync(home, { recursive: true, force: true });
    renameSync(part, home);
    onProgress(`Downloaded into ${home} in ${Math.round((performance.now() - startedAt) / 1000)} s.`);
  } finally {
    rmSync(part, { recursive: true, force: true });
  }
}

function runMaven(folder: string): Promise<void> {
  const args = [
    "--batch-mode",
    "--quiet",
    `org.apache.maven.plugins:maven-dependency-plugin:${copyPluginVersion}:copy-dependencies`,
    "-DincludeScope=runtime",
    `-DoutputDirectory=${join(folder, "jars")}`,
    // Maven keeps its own copies in the home folder that the user's account has, not HOME; `nobody` has none.
    ...(isWritable(userInfo().homedir) ? [] : [`-Dmaven.repo.local=${join(folder, "repository")}`]),
  ];
  return new Promise((resolve, reject) => {
    const { child, release } = spawnGuarded("mvn", args, { cwd: folder, output: "pipe" });
    let said = "";
    const collect = (chunk: Buffer): void => {
      said = (said + chunk.toString()).slice(-20_000);
    };
    child.stdout?.on("data", collect);
    child.stderr?.on("data", collect);
    child.once("error", reject);
    child.once("close", (code) => {
      release();
      if (code === 0) resolve();
      else reject(mavenFailed(said));
    });
  });
}

function mavenFailed(said: string): PipelineError {
  // The first error says what happened; those after it how to have Maven say more.
  const error = /\[ERROR\] (.{1,400})/.exec(said)?.[1] ?? said.slice(-300).trim();
  return new PipelineError(
    "ENGINE_FAILED",
    "crash",
    `Maven could not download Apache Kafka ${kafkaVersion}. Check the network and Maven's mirror settings (~/.m2/settings.xml), or set KAFKA_BROKERS to a broker that runs elsewhere. Maven says: ${error}`,
  );
}

function formatEmptyData(java: Java, { classPath, emptyData }: KafkaInstallation, home: string): void {
  const part = `${home}.part-format`;
  mkdirSync(part, { recursive: true });
  const config = join(part, "server.properties");
  writeFileSync(config, brokerProperties(join(part, "data"), { id: 1, port: 9092, controllerPort: 9093 }));
  const clusterId = "ZXRoaG9vay1sb2NhbC0wMQ";
  const done = spawnSync(
    java.command,
    ["-cp", classPath, "kafka.tools.StorageTool", "format", "-t", clusterId, "-c", config],
    { encoding: "utf8" },
  );
  if (done.status !== 0) {
    const why = (done.stderr || done.stdout).trim().split("\n").slice(-2).join(" ");
    throw new PipelineError("ENGINE_FAILED", "crash", `Kafka cannot format its data folder: ${why}`);
  }
  renameSync(join(part, "data"), emptyData);
  rmSync(part, { recursive: true, force: true });
}

/** Runs the broker once, on a copy of the empty data, so that the JVM writes its class archive when it ends. */
async function writeClassArchive(java: Java, installation: KafkaInstallation, home: string): Promise<void> {
  const part = `${home}.part-archive`;
  const data = join(part, "data");
  cpSync(installation.emptyData, data, { recursive: true });
  const use = { engine: "Kafka", variable: "KAFKA_PORT" };
  const port = await choosePort(0, use);
  const controllerPort = await choosePort(0, use);
  const config = join(part, "server.properties");
  writeFileSync(config, brokerProperties(data, { id: 1, port, controllerPort }));
  const archive = join(part, "classes.jsa");
  try {
    const engine = await spawnEngine({
      name: "Kafka",
      command: java.command,
      args: [
        `-XX:ArchiveClassesAtExit=${archive}`,
        ...brokerJvmFlags,
        "-cp",
        installation.classPath,
        "kafka.Kafka",
        config,
      ],
      logPath: join(part, "kafka.log"),
      keepsLog: false,
      endSignal: "TERM",
    });
    await untilReady(engine, () => brokerAnswers("127.0.0.1", port));
    await engine.end(60_000);
    if (existsSync(archive)) renameSync(archive, installation.classArchive);
    // A JVM that writes no archive starts slower and is right otherwise; an empty file keeps us from trying each time.
    else writeFileSync(installation.classArchive, "");
  } finally {
    rmSync(part, { recursive: true, force: true });
  }
}
