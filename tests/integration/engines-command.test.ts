import {
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { once } from "node:events";
import { createServer } from "node:net";
import { homedir, tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { runCommand, startCommand, type CommandResult } from "../support/command.ts";
import { until } from "../support/until.ts";

interface EngineRecord {
  readonly key: string;
  readonly name: string;
  readonly pid: number;
  readonly url: string;
  readonly variables: Record<string, string>;
}

const freePorts = {
  KAFKA_PORT: "0",
  POSTGRES_PORT: "0",
  CLICKHOUSE_PORT: "0",
  CLICKHOUSE_NATIVE_PORT: "0",
  ETHEREUM_PORT: "0",
  ARBITRUM_PORT: "0",
  OPTIMISM_PORT: "0",
  BASE_PORT: "0",
};

let dataDir: string;
let env: NodeJS.ProcessEnv;

const engines = (command: string, extra: NodeJS.ProcessEnv = {}): Promise<CommandResult> =>
  runCommand("engines", [command], { ...env, ...extra });

function records(): readonly EngineRecord[] {
  return JSON.parse(readFileSync(join(dataDir, "engines.json"), "utf8")) as EngineRecord[];
}

/** Every process whose command line names this test's data folder. */
function processesOfTest(): readonly string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(dataDir);
      } catch {
        return false;
      }
    });
}

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "ethhook-test-"));
  if (process.getuid?.() === 0) {
    // Postgres runs as another user, who must be able to pass.
    rmSync(dataDir, { recursive: true });
    mkdirSync(dataDir, { mode: 0o755 });
  }
  env = { ETHHOOK_DATA: dataDir, ...freePorts };
});

afterEach(async () => {
  await engines("down");
  rmSync(dataDir, { recursive: true, force: true });
});

describe("npm run engines", () => {
  test("up, up again, a killed engine, up, down: each says what is true and what to do", async () => {
    const up = await engines("up");
    expect(up).toMatchObject({ code: 0, stderr: "" });
    expect(up.stdout).toMatch(/^Kafka +up at 127\.0\.0\.1:\d+ after/m);

    const again = await engines("up");
    expect(again.code).toBe(0);
    expect(again.stdout.match(/already up at/g)).toHaveLength(7);
    expect((await engines("status")).code).toBe(0);

    const before = records();
    for (const { pid } of before) process.kill(pid, "SIGKILL");
    const status = await engines("status");
    expect(status.code).toBe(1);
    for (const { name, pid } of before)
      expect(status.stdout).toContain(
        `${name.padEnd(14)} died (pid ${pid}). Start it again with \`npm run engines -- up\`; its data is kept.`,
      );

    const restarted = await engines("up");
    expect(restarted).toMatchObject({ code: 0, stderr: "" });
    expect(restarted.stdout.match(/had died; up again at/g)).toHaveLength(7);

    const down = await engines("down");
    expect(down.stdout).toContain("Stopped Kafka, Postgres, ClickHouse, ethereum node");
    expect(processesOfTest()).toEqual([]);
    expect((await engines("down")).stdout).toContain("No engine was running.");
    expect((await engines("status")).stdout).toContain("Start them with `npm run engines -- up`.");
  });

  test("data survives down and up, and reset deletes it", async () => {
    const block = async (): Promise<number> => {
      const url = records().find(({ key }) => key === "node-base")!.variables["BASE_HTTP_URL"]!;
      const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "eth_blockNumber", params: [] });
      const answer = await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body,
      });
      return Number(((await answer.json()) as { result: string }).result);
    };
    const query = async (statement: string): Promise<string> => {
      const { url } = records().find(({ key }) => key === "clickhouse")!;
      return (await fetch(url, { method: "POST", body: statement })).text();
    };
    await engines("up");
    await query("CREATE DATABASE kept");
    await query("CREATE TABLE kept.rows (id UInt8) ENGINE = MergeTree ORDER BY id AS SELECT 7 AS id");
    await until("the chain has two blocks", block, (height) => height >= 2);
    await engines("down");
    await engines("up");
    expect(await query("SELECT id FROM kept.rows")).toBe("7\n");
    expect(await block()).toBeGreaterThanOrEqual(2);
    const reset = await engines("reset");
    expect(reset.stdout).toContain(`Deleted the engines' data in ${dataDir}.`);
    expect(readdirSync(dataDir)).toEqual([]);
  });

  test("a port in use is one line that names the program and the variable", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    const up = await engines("up", { POSTGRES_PORT: String(port) });
    expect(up.code).toBe(1);
    expect(up.stderr).toMatch(
      new RegExp(
        `^Port ${port} is in use by node \\(pid ${process.pid}\\), and Postgres needs it\\. Stop that program, or choose another port with POSTGRES_PORT=<port>\\.\\n$`,
      ),
    );
    expect(processesOfTest()).toEqual([]);
    server.close();
  });

  test("a port that is no port is named before anything starts", async () => {
    const up = await engines("up", { KAFKA_PORT: "ninety" });
    expect(up.code).toBe(1);
    expect(up.stderr).toContain('KAFKA_PORT="ninety": a port is a whole number up to 65535');
  });

  test("without Java, and without Maven, one line says what to install", async () => {
    const programs = join(dataDir, "programs");
    mkdirSync(programs);
    for (const folder of process.env["PATH"]!.split(delimiter)) linkPrograms(folder, programs);
    const noJava = await engines("up", { PATH: programs, JAVA_HOME: "" });
    expect(noJava.code).toBe(1);
    expect(noJava.stderr).toMatch(/^There is no Java on PATH, .* Install it \(Debian, Ubuntu: `apt install/);
    expect(noJava.stderr.trim().split("\n")).toHaveLength(1);

    symlinkSync(findProgram("java"), join(programs, "java"));
    const noMaven = await engines("up", { PATH: programs, ETHHOOK_CACHE: join(dataDir, "cache") });
    expect(noMaven.code).toBe(1);
    expect(noMaven.stderr).toMatch(/^Maven \(`mvn`\) is not on PATH, .* Install it/);
    expect(noMaven.stderr.trim().split("\n")).toHaveLength(1);
    expect(processesOfTest()).toEqual([]);
  });

  test("when Maven cannot download, its first error is quoted with what to check", async () => {
    const home = join(dataDir, "home");
    mkdirSync(join(home, ".m2"), { recursive: true });
    const mirror = "<mirror><id>gone</id><mirrorOf>*</mirrorOf><url>http://127.0.0.1:9/</url></mirror>";
    writeFileSync(
      join(home, ".m2", "settings.xml"),
      `<settings><localRepository>${home}/repository</localRepository><mirrors>${mirror}</mirrors></settings>`,
    );
    const cache = join(dataDir, "cache");
    const up = await engines("up", { ETHHOOK_CACHE: cache, MAVEN_OPTS: `-Duser.home=${home}` });
    expect(up.code).toBe(1);
    const [progress, message, ...more] = up.stderr.trim().split("\n");
    expect(progress).toMatch(/^Downloading Apache Kafka/);
    expect(message).toMatch(
      /^Maven could not download Apache Kafka .* Check the network and Maven's mirror settings/,
    );
    expect(message).toContain("127.0.0.1:9");
    expect(more).toEqual([]);
    expect(readdirSync(cache)).toEqual([]);
  });

  test.runIf(process.getuid?.() === 0)("an ordinary user without a home can run them too", async () => {
    const cache = join(dataDir, "cache");
    cpSync(join(homedir(), ".cache", "ethhook"), cache, { recursive: true });
    chownSync(dataDir, 65_534, 65_534);
    const asNobody = (command: string): Promise<CommandResult> =>
      startCommand(
        "engines",
        [command],
        { ...env, HOME: "/nonexistent", ETHHOOK_CACHE: cache, ETHHOOK_DATA: join(dataDir, "data") },
        { uid: 65_534, gid: 65_534 },
      ).done;
    const up = await asNobody("up");
    expect(up).toMatchObject({ code: 0, stderr: "" });
    expect(up.stdout.match(/ up at /g)).toHaveLength(7);
    expect((await asNobody("status")).code).toBe(0);
    expect((await asNobody("reset")).code).toBe(0);
    expect(processesOfTest()).toEqual([]);
  });

  test("an engine that crashes while starting is quoted, and nothing stays behind", async () => {
    mkdirSync(join(dataDir, "kafka", "data"), { recursive: true });
    writeFileSync(join(dataDir, "kafka", "data", "meta.properties"), "broken\n");
    const up = await engines("up");
    expect(up.code).toBe(1);
    expect(up.stderr).toContain("Kafka ended with exit code 1 while starting.");
    expect(up.stderr).toContain("`npm run engines -- reset` starts without it");
    expect(up.stderr).toContain("node ID not found");
    expect(up.stderr).not.toMatch(/^ +at /m);
    expect(processesOfTest()).toEqual([]);
  });

  test("a given server is used and not started; one that does not answer is said", async () => {
    const first = await engines("up");
    expect(first.code).toBe(0);
    const given = Object.assign({}, ...records().map(({ variables }) => variables)) as Record<string, string>;
    const elsewhere = join(dataDir, "elsewhere");
    const up = await engines("up", { ...given, ETHHOOK_DATA: elsewhere });
    expect(up.code).toBe(0);
    expect(up.stdout).toContain(`Kafka          given by KAFKA_BROKERS: ${given["KAFKA_BROKERS"]!}`);
    expect(up.stdout).toContain("given by DATABASE_URL: postgres://ethhook:***@");
    expect(up.stdout.match(/given by/g)).toHaveLength(7);
    await engines("down");
    const gone = await engines("up", { ...given, ETHHOOK_DATA: elsewhere });
    expect(gone.code).toBe(1);
    expect(gone.stderr).toContain(
      `Kafka at ${given["KAFKA_BROKERS"]!} does not answer. KAFKA_BROKERS names it. Start it, correct KAFKA_BROKERS, or unset it to have a local one.`,
    );
    expect((await engines("status", { ...given, ETHHOOK_DATA: elsewhere })).code).toBe(1);
  });

  test.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("%s while starting ends with %i once everything is stopped", async (signal, expected) => {
    const up = startCommand("engines", ["up"], env);
    await until("two engines run", runningOfTest, (running) => running.length >= 2);
    up.child.kill(signal);
    const { code, stdout } = await up.done;
    expect(code).toBe(expected);
    expect(stdout).toBe("");
    expect(processesOfTest()).toEqual([]);
  });

  test("SIGKILL while starting leaves nothing behind either", async () => {
    const up = startCommand("engines", ["up"], env);
    await until("two engines run", runningOfTest, (running) => running.length >= 2);
    up.child.kill("SIGKILL");
    await up.done;
    expect(await until("all ended", runningOfTest, (running) => running.length === 0)).toEqual([]);
  });
});

/** For `until`, which awaits. */
async function runningOfTest(): Promise<readonly string[]> {
  return processesOfTest();
}

function linkPrograms(folder: string, into: string): void {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    return;
  }
  for (const name of names.filter((one) => !["java", "mvn", "node", "npm", "npx"].includes(one))) {
    try {
      symlinkSync(join(folder, name), join(into, name));
    } catch {
      // An earlier folder of PATH has it.
    }
  }
}

function findProgram(name: string): string {
  for (const folder of process.env["PATH"]!.split(delimiter))
    if (existsSync(join(folder, name))) return join(folder, name);
  throw new Error(`${name} is not on PATH`);
}
