import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** One POST as a receiver saw it. */
export interface Post {
  readonly path: string;
  readonly webhookId: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
  /** Unix ms when its body was complete. */
  readonly atMs: number;
}

export type Answer = (post: Post, response: ServerResponse) => void;

/** An HTTP server of a user, with a ledger of everything it was sent. */
export interface TestReceiver {
  readonly url: string;
  readonly posts: readonly Post[];
  /** How a path answers from now on; 200 where nothing was said. */
  answer(path: string, how: Answer): void;
  /** Of one path, or of all. */
  idsOf(path?: string): string[];
  stop(): Promise<void>;
}

export const status =
  (code: number, headers: Record<string, string> = {}): Answer =>
  (_, response) => {
    response.writeHead(code, { "content-length": "0", ...headers });
    response.end();
  };

/** 200 after a while. */
export const slow =
  (ms: number): Answer =>
  (_, response) =>
    void setTimeout(() => response.end(), ms);

/** Answers after a while. */
export const slowly =
  (afterMs: number, how: Answer): Answer =>
  (post, response) =>
    void setTimeout(() => how(post, response), afterMs);

/** Takes the request and never answers. */
export const hang: Answer = () => undefined;

export async function startTestReceiver(): Promise<TestReceiver> {
  const posts: Post[] = [];
  const answers = new Map<string, Answer>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("error", () => undefined);
    request.on("end", () => {
      const post = {
        path: request.url ?? "/",
        webhookId: String(request.headers["webhook-id"]),
        headers: request.headers,
        body: Buffer.concat(chunks).toString("utf8"),
        atMs: Date.now(),
      };
      posts.push(post);
      (answers.get(post.path) ?? status(200))(post, response);
    });
  });
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    posts,
    answer: (path, how) => void answers.set(path, how),
    idsOf: (path) => posts.filter((post) => path === undefined || post.path === path).map((p) => p.webhookId),
    stop: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
