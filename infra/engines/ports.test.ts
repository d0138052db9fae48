import { createServer } from "node:net";
import { once } from "node:events";
import { expect, it } from "vitest";
import { choosePort, isFree } from "./ports.ts";

const use = { engine: "Kafka", variable: "KAFKA_PORT" };

it("draws free ports from below the range of outgoing connections, and none twice", async () => {
  const drawn = await Promise.all(Array.from({ length: 50 }, () => choosePort(0, use)));
  expect(new Set(drawn).size).toBe(50);
  for (const port of drawn) expect(port >= 20_000 && port < 32_768).toBe(true);
});

it("refuses a wanted port that is taken, and names the program, the engine and the variable", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  expect(await isFree(port)).toBe(false);
  await expect(choosePort(port, use)).rejects.toMatchObject({
    code: "PORT_IN_USE",
    message: expect.stringMatching(
      new RegExp(`^Port ${port} is in use.*, and Kafka needs it\\. .* KAFKA_PORT=<port>\\.$`),
    ),
  });
  server.close();
});
