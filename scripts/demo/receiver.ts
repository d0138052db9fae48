import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { Webhook } from "standardwebhooks";

/** A webhook whose signature was right. */
export interface Receipt {
  readonly webhookId: string;
  readonly path: string;
  readonly body: string;
  /** Unix milliseconds at which the body was complete. */
  readonly receivedAtMs: number;
  /** False when this webhook id had come before. */
  readonly first: boolean;
}

export interface ReceiverTotals {
  readonly requests: number;
  /** Distinct webhook ids with a right signature. */
  readonly webhooks: number;
  readonly duplicates: number;
  /** Signature wrong or missing, or a path that nobody told the receiver of. */
  readonly refused: number;
}

/** What a user of EthHook runs: an HTTP server that trusts a webhook only by its signature. */
export interface Receiver {
  /** `http://127.0.0.1:port`. */
  readonly url: string;
  /** From now on `path` takes webhooks that are signed with `secret` (`whsec_…`). */
  trust(path: string, secret: string): void;
  totals(): ReceiverTotals;
  stop(): Promise<void>;
}

const bodyBytesMax = 16 * 1024 * 1024;
/** Ids kept to recognise duplicates; the oldest are forgotten. */
const idsMax = 1_000_000;

/**
 * Listens on 127.0.0.1 and answers 204 to what is signed, 401 to what is not.
 * @param answerAfterMs how long its user's code takes.
 */
export async function startReceiver(
  onReceipt: (receipt: Receipt) => void,
  answerAfterMs = 0,
): Promise<Receiver> {
  const secrets = new Map<string, Webhook>();
  const seen = new Set<string>();
  const totals = { requests: 0, webhooks: 0, duplicates: 0, refused: 0 };

  /** True when it was taken. */
  function accept(path: string, headers: IncomingMessage["headers"], body: string): boolean {
    try {
      const webhook = secrets.get(path);
      if (webhook === undefined) return false;
      webhook.verify(body, headers as Record<string, string>);
    } catch {
      return false;
    }
    const webhookId = String(headers["webhook-id"]);
    const first = !seen.has(webhookId);
    seen.add(webhookId);
    if (first) totals.webhooks += 1;
    else totals.duplicates += 1;
    if (seen.size > idsMax) forgetOldest(seen);
    onReceipt({ webhookId, path, body, receivedAtMs: Date.now(), first });
    return true;
  }

  const server = createServer((request, response) => {
    totals.requests += 1;
    readBody(request).then(
      (body) => {
        const taken = accept(request.url ?? "/", request.headers, body);
        if (!taken) totals.refused += 1;
        const answer = (): void => void response.writeHead(taken ? 204 : 401).end();
        if (answerAfterMs === 0) answer();
        else setTimeout(answer, answerAfterMs);
      },
      () => response.writeHead(400).end(),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    trust: (path, secret) => void secrets.set(path, new Webhook(secret)),
    totals: () => ({ ...totals }),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** A Set keeps the order of insertion. */
function forgetOldest(ids: Set<string>): void {
  for (const oldest of ids) {
    ids.delete(oldest);
    return;
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > bodyBytesMax) throw new Error(`a body of more than ${bodyBytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
