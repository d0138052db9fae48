import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { PipelineError } from "@ethhook/schemas";

const oldestJava = 17;

export interface Java {
  readonly command: string;
  readonly major: number;
  /** Differs for each JVM build: a class archive fits only the build that wrote it. */
  readonly build: string;
}

/** The `java` of JAVA_HOME, else of PATH.
 * @throws PipelineError `ENGINE_MISSING` when there is none, or it is too old for Kafka 4. */
export function findJava(env: Readonly<Record<string, string | undefined>> = process.env): Java {
  const command = env["JAVA_HOME"] ? join(env["JAVA_HOME"], "bin", "java") : "java";
  const asked = spawnSync(command, ["-version"], { encoding: "utf8" });
  const advice =
    "Install it (Debian, Ubuntu: `apt install openjdk-17-jre-headless maven`; macOS: `brew install openjdk maven`), or set KAFKA_BROKERS to a broker that runs elsewhere.";
  if (asked.status !== 0) {
    const where = env["JAVA_HOME"] ? `in JAVA_HOME (${env["JAVA_HOME"]})` : "on PATH";
    throw new PipelineError(
      "ENGINE_MISSING",
      "crash",
      `There is no Java ${where}, and the local Kafka broker needs Java ${oldestJava} or later. ${advice}`,
    );
  }
  const text = asked.stderr + asked.stdout;
  const major = Number(/version "(\d+)/.exec(text)?.[1] ?? 0);
  if (major < oldestJava) {
    throw new PipelineError(
      "ENGINE_MISSING",
      "crash",
      `${command} is Java ${major || "of an unknown version"}, and the local Kafka broker needs Java ${oldestJava} or later. ${advice}`,
    );
  }
  return { command, major, build: createHash("sha256").update(text).digest("hex").slice(0, 8) };
}

/** Small heap, first compiler only: the broker of one machine should start fast and leave the cores to the pipeline. */
export const brokerJvmFlags: readonly string[] = [
  "-Xmx384m",
  "-Xms128m",
  "-XX:+UseSerialGC",
  "-XX:TieredStopAtLevel=1",
  "-XX:+ExitOnOutOfMemoryError",
  "-Xshare:auto",
  "-Xlog:cds=off",
  "-Xlog:cds+dynamic=off",
  "-Xlog:class+path=off",
  "-Djava.awt.headless=true",
  "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
  "-Dorg.slf4j.simpleLogger.showDateTime=true",
  "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSS",
];
