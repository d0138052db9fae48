import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of the receivers that RECEIVERS.md shows. */
export const examplesFolder = fileURLToPath(new URL("../fixtures/receivers/", import.meta.url));

/** One of the receivers that RECEIVERS.md shows, running. */
export interface ExampleReceiver {
  readonly url: string;
  /** What it printed so far. */
  output(): string;
  stop(): Promise<void>;
}

/** Starts an example as its first line says. @throws Error with its output when it does not listen within 10 s. */
export async function startExample(file: string, secret: string): Promise<ExampleReceiver> {
  if (file.endsWith(".sh")) return startCgi(file, secret);
  const program = file.endsWith(".py") ? "python3" : process.execPath;
  const child = spawn(program, [join(examplesFolder, file)], {
    env: { PATH: process.env["PATH"], PORT: "0", WEBHOOK_SECRET: secret },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  const listening = Promise.withResolvers<string>();
  const fail = (why: string) => listening.reject(new Error(`${file} ${why}:\n${output}`));
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      const port = /^listening on (\d+)$/m.exec(output)?.[1];
      if (port !== undefined) listening.resolve(port);
    });
  }
  child.once("error", (error) => fail(error.message));
  const exited = new Promise<void>((resolve) => void child.once("exit", () => resolve()));
  void exited.then(() => fail("ended"));
  const timer = setTimeout(() => fail("does not listen"), 10_000);
  const stop = async () => {
    child.kill("SIGKILL");
    await exited;
  };
  try {
    return { url: `http://127.0.0.1:${await listening.promise}/`, output: () => output, stop };
  } catch (error) {
    await stop();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** What a web server does with a CGI program: headers in its environment, the body on its stdin, the answer from its stdout. */
async function startCgi(file: string, secret: string): Promise<ExampleReceiver> {
  const seen = await mkdtemp(join(tmpdir(), "ethhook-seen-"));
  let output = "";
  const server = createServer((request, response) => {
    const child = spawn("sh", [join(examplesFolder, file)], {
      env: { PATH: process.env["PATH"], WEBHOOK_SECRET: secret, SEEN: seen, ...cgiVariables(request) },
      stdio: ["pipe", "pipe", "pipe"],
      timeout: 10_000,
    });
    let answer = "";
    child.stdin.on("error", () => undefined);
    child.stdout.setEncoding("utf8").on("data", (text: string) => (answer += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (output += text));
    child.once("close", () => answerWith(answer, response));
    request.pipe(child.stdin);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    output: () => output,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(seen, { recursive: true, force: true });
    },
  };
}

function cgiVariables({ headers, method = "" }: IncomingMessage): Record<string, string> {
  const ofHeaders = Object.entries(headers).map(([name, value]) => [
    `HTTP_${name.toUpperCase().replaceAll("-", "_")}`,
    String(value),
  ]);
  return {
    ...(Object.fromEntries(ofHeaders) as Record<string, string>),
    REQUEST_METHOD: method,
    CONTENT_LENGTH: headers["content-length"] ?? "0",
  };
}

function answerWith(answer: string, response: ServerResponse): void {
  const status = /^Status: (\d{3})/.exec(answer)?.[1];
  response.writeHead(status === undefined ? 500 : Number(status)).end();
}
