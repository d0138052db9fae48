import { createServer, type Server } from "node:http";
import { PipelineError } from "@ethhook/schemas";

export interface HealthServerOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Reasons for not being ready; none answers 200 on /readyz. */
  readonly notReady: () => readonly string[];
  /** The Prometheus text of /metrics. */
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>;
}

export interface HealthServer {
  /** The port that was really taken. */
  readonly port: number;
  stop(): Promise<void>;
}

/**
 * Answers `/healthz` (the process lives), `/readyz` (503 with reasons until ready) and `/metrics`.
 * @throws PipelineError `PORT_IN_USE` or `CONFIG_INVALID` when it cannot listen.
 */
export async function startHealthServer(options: HealthServerOptions): Promise<HealthServer> {
  const server = createServer((request, response) => {
    const path = (request.url ?? "/").split("?", 1)[0];
    const answer = (status: number, body: string, contentType = "application/json; charset=utf-8"): void => {
      response.writeHead(status, { "content-type": contentType }).end(body);
    };
    if (request.method !== "GET" && request.method !== "HEAD")
      return answer(405, '{"error":"method not allowed"}\n');
    if (path === "/healthz") return answer(200, '{"status":"ok"}\n');
    if (path === "/readyz") {
      const reasons = options.notReady();
      const ready = reasons.length === 0;
      return answer(
        ready ? 200 : 503,
        `${JSON.stringify({ status: ready ? "ready" : "not ready", reasons })}\n`,
      );
    }
    if (path !== "/metrics") return answer(404, '{"error":"not found"}\n');
    options.metrics().then(
      ({ contentType, text }) => answer(200, text, contentType),
      (error: unknown) => answer(500, `${JSON.stringify({ error: String(error) })}\n`),
    );
  });
  const port = await listen(server, options.host, options.port);
  return {
    port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const where = `${host}:${port}`;
      reject(
        error.code === "EADDRINUSE"
          ? new PipelineError(
              "PORT_IN_USE",
              "crash",
              `Port ${port} is in use: choose another with HTTP_PORT.`,
              { cause: error },
            )
          : new PipelineError("CONFIG_INVALID", "crash", `Cannot listen on ${where}: ${error.message}`, {
              cause: error,
            }),
      );
    });
    server.listen(port, host, () => {
      const address = server.address();
      resolve(typeof address === "object" && address ? address.port : port);
    });
  });
}
