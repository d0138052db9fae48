import type { MainDeps } from "@ethhook/kit";
import type { Pool } from "@ethhook/kit/postgres";
import type { FastifyInstance } from "fastify";

const probeTimeoutMs = 2_000;

/** `/healthz` (the process lives), `/readyz` (it can do its work: Postgres answers) and `/metrics`. */
export function addHealthRoutes(
  app: FastifyInstance,
  { pool, registry }: { pool: Pool; registry: MainDeps["registry"] },
): void {
  app.get("/healthz", async () => ({ status: "ok" }));
  app.get("/readyz", async (_request, reply) => {
    const reasons = await unreadiness(pool);
    const ready = reasons.length === 0;
    return reply.code(ready ? 200 : 503).send({ status: ready ? "ready" : "not ready", reasons });
  });
  app.get("/metrics", async (_request, reply) =>
    reply.type(registry.contentType).send(await registry.metrics()),
  );
}

async function unreadiness(pool: Pool): Promise<string[]> {
  const { promise: late, resolve } = Promise.withResolvers<string[]>();
  const timer = setTimeout(() => resolve(["PostgreSQL does not answer"]), probeTimeoutMs);
  const asked = pool.query("SELECT FROM users LIMIT 1").then(
    () => [],
    (error: Error) => [`PostgreSQL: ${error.message}`],
  );
  const reasons = await Promise.race([asked, late]);
  clearTimeout(timer);
  return reasons;
}
