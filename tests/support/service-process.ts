import { spawn, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** A service as production runs it: `node services/<name>/src/main.ts`. */
export interface ServiceProcess {
  readonly pid: number;
  /** `http://127.0.0.1:port` of /healthz, /readyz and /metrics. */
  readonly url: string;
  /** Everything that it wrote, for a failing test's message. */
  log(): string;
  signal(signal: NodeJS.Signals): void;
  /** Exit code, or the signal that ended it. */
  readonly exited: Promise<number | NodeJS.Signals>;
  /** SIGTERM, and SIGKILL after `graceMs`. */
  stop(graceMs?: number): Promise<number | NodeJS.Signals>;
}

/**
 * Starts a service on a free port of 127.0.0.1 and resolves when /readyz says so.
 * @throws Error with its log when it ends before, or is not ready within 30 s.
 */
export async function startServiceProcess(
  name: string,
  env: Readonly<Record<string, string>>,
): Promise<ServiceProcess> {
  const child = spawn(process.execPath, [`services/${name}/src/main.ts`], {
    cwd: root,
    // The line that says on which port it listens is written at this level.
    env: {
      PATH: process.env["PATH"],
      NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"],
      HTTP_PORT: "0",
      ...env,
      LOG_LEVEL: "info",
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const lines: string[] = [];
  const port = Promise.withResolvers<number>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8");
    stream.on("data", (text: string) => {
      lines.push(text);
      const found = /"event":"service.started".*?"port":(\d+)|"port":(\d+).*?"event":"service.started"/.exec(
        lines.join(""),
      );
      if (found) port.resolve(Number(found[1] ?? found[2]));
    });
  }
  const exited = new Promise<number | NodeJS.Signals>((resolve) => {
    child.once("exit", (code, signal) => resolve(code ?? signal ?? 0));
  });
  void exited.then((how) => port.reject(new Error(`${name} ended with ${how}:\n${lines.join("")}`)));
  const timer = setTimeout(() => port.reject(new Error(`${name} is not ready:\n${lines.join("")}`)), 30_000);
  try {
    const url = `http://127.0.0.1:${await port.promise}`;
    return handle(child, url, exited, () => lines.join(""));
  } catch (error) {
    // Nobody has a handle to end it by.
    child.kill("SIGKILL");
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

function handle(
  child: ChildProcess,
  url: string,
  exited: Promise<number | NodeJS.Signals>,
  log: () => string,
): ServiceProcess {
  return {
    pid: child.pid ?? 0,
    url,
    log,
    exited,
    signal: (signal) => void child.kill(signal),
    async stop(graceMs = 15_000) {
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), graceMs);
      const how = await exited;
      clearTimeout(timer);
      return how;
    },
  };
}
