import http from "node:http";
import axios from "axios";
import { Agent } from "undici";
import { monotonicMs } from "../load/clock.ts";
import { serve } from "../load/worker.ts";

export interface BarePosts {
  readonly client: "undici" | "axios" | "axios over undici";
  readonly urls: readonly string[];
  /** POSTs at the same time. */
  readonly concurrency: number;
  readonly body: string;
}

export interface Posted {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

type Post = (url: string, body: Buffer) => Promise<unknown>;

/** A client as its documentation shows it, with kept-alive connections: nothing is signed, recorded or committed. */
function clientOf({ client, concurrency }: BarePosts): Post {
  const headers = { "content-type": "application/json" };
  if (client === "axios") {
    const httpAgent = new http.Agent({ keepAlive: true, maxSockets: concurrency });
    const instance = axios.create({ httpAgent, headers });
    return (url, body) => instance.post(url, body);
  }
  const agent = new Agent({ connections: concurrency, pipelining: 1 });
  const request = async (url: string, body: Buffer): Promise<number> => {
    const { origin, pathname } = new URL(url);
    const answer = await agent.request({ origin, path: pathname, method: "POST", headers, body });
    await answer.body.dump();
    return answer.statusCode;
  };
  if (client === "undici") return request;
  const instance = axios.create({
    headers,
    adapter: async (config) => {
      const status = await request(config.url ?? "", config.data as Buffer);
      return { data: "", status, statusText: "", headers: {}, config };
    },
  });
  return (url, body) => instance.post(url, body);
}

await serve<BarePosts, { readonly posts: number }>(async (settings) => {
  const post = clientOf(settings);
  const { urls, concurrency } = settings;
  const body = Buffer.from(settings.body);

  async function answer({ posts }: { readonly posts: number }): Promise<Posted> {
    let next = 0;
    const cpu = process.cpuUsage();
    const startedMs = monotonicMs();
    const loop = async (): Promise<void> => {
      while (next < posts) {
        next += 1;
        await post(urls[next % urls.length] ?? "", body);
      }
    };
    await Promise.all(Array.from({ length: concurrency }, loop));
    const { user, system } = process.cpuUsage(cpu);
    return { seconds: (monotonicMs() - startedMs) / 1000, cpuSeconds: (user + system) / 1e6 };
  }

  return { answer, stop: async () => undefined };
});
