import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { guard } from "@ethhook/infra";

const readyWithinMs = 60_000;

/** A module of the benchmark in a process of its own, so that it has its own event loop and its CPU time can be told apart. */
export interface Worker extends AsyncDisposable {
  readonly pid: number;
  /** One request at a time; rejects when the worker fails or is gone. */
  ask<Answer>(request: unknown): Promise<Answer>;
}

type Message = { readonly ready: true } | { readonly answer: unknown } | { readonly failure: string };

/** Starts `module`, which calls `serve`, with `settings`; resolves when it is ready. */
export async function startWorker(module: URL, settings: unknown): Promise<Worker> {
  const name = module.pathname.split("/").at(-1) ?? "worker";
  const child = fork(fileURLToPath(module), [JSON.stringify(settings)], {
    serialization: "advanced",
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    // kafkajs asks for timers in the past; Node's warning about it says nothing about the measurement.
    execArgv: ["--disable-warning=TimeoutNegativeWarning"],
    env: { ...process.env, KAFKAJS_NO_PARTITIONER_WARNING: "1" },
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`${name} could not be started`);
  const unguard = guard(pid);
  let pending: PromiseWithResolvers<unknown> = Promise.withResolvers();
  const exited = new Promise<void>((resolve) => {
    child.once("exit", (code, signal) => {
      unguard();
      pending.reject(new Error(`${name} ended (${signal ?? `exit code ${code}`})`));
      resolve();
    });
  });
  child.on("message", (message: Message) => {
    if ("failure" in message) pending.reject(new Error(`${name}: ${message.failure}`));
    else pending.resolve("answer" in message ? message.answer : undefined);
  });
  const timer = setTimeout(() => pending.reject(new Error(`${name} was not ready in time`)), readyWithinMs);
  await pending.promise.finally(() => clearTimeout(timer));
  return {
    pid,
    ask<Answer>(request: unknown) {
      pending = Promise.withResolvers();
      child.send({ request });
      return pending.promise as Promise<Answer>;
    },
    async [Symbol.asyncDispose]() {
      pending.promise.catch(() => undefined);
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}

/** The worker's side: prepares itself, says that it is ready, answers requests, and ends with its parent. */
export async function serve<Settings, Request>(
  prepare: (settings: Settings) => Promise<{
    answer?: (request: Request) => Promise<unknown>;
    stop: () => Promise<unknown>;
  }>,
): Promise<void> {
  const { answer, stop } = await prepare(JSON.parse(process.argv[2] ?? "{}") as Settings);
  process.on("message", (message: { readonly request: Request }) => {
    if (answer === undefined) return;
    answer(message.request).then(
      (value) => process.send?.({ answer: value }),
      (error: unknown) => process.send?.({ failure: error instanceof Error ? error.message : String(error) }),
    );
  });
  process.once("disconnect", () => {
    stop().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  });
  // Ctrl-C in a terminal reaches every process of it; the parent decides the order.
  process.on("SIGINT", () => undefined);
  process.send?.({ ready: true });
}
