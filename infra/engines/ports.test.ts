import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { once } from "node:events";
import { expect, it } from "vitest";
import { anyFreePort, choosePort, isFree } from "./ports.ts";

const use = { engine: "Kafka", variable: "KAFKA_PORT" };

it("draws free ports from below the range of outgoing connections, and none twice", async () => {
  const drawn = await Promise.all(Array.from({ length: 50 }, () => choosePort(0, use)));
  expect(new Set(drawn).size).toBe(50);
  for (const port of drawn) expect(port >= 20_000 && port < 32_768).toBe(true);
});

it("leaves to other processes what they are given, though nothing listens there yet", async () => {
  const path = JSON.stringify(new URL("./ports.ts", import.meta.url).href);
  const script = `const { anyFreePort } = await import(${path}); const ports = [];
    for (let n = 0; n < 60; n += 1) ports.push(await anyFreePort());
    console.log(JSON.stringify(ports)); process.stdin.resume();`;
  const others = [1, 2, 3].map(() => spawn(process.execPath, ["--input-type=module", "-e", script]));
  const given = await Promise.all(
    others.map(async ({ stdout }) => JSON.parse(String((await once(stdout, "data"))[0])) as number[]),
  );
  const mine = await Promise.all(Array.from({ length: 60 }, () => anyFreePort()));
  for (const other of others) other.kill();
  const all = [...mine, ...given.flat()];
  expect(new Set(all).size).toBe(all.length);
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
