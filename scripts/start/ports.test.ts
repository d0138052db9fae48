import { createServer, type AddressInfo, type Server } from "node:net";
import { isFree } from "@ethhook/infra";
import { afterEach, expect, test } from "vitest";
import { choosePorts } from "./ports.ts";

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function takenPort(): Promise<number> {
  const server = createServer();
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}
const wish = (usual: number) => ({ name: "Kafka", variable: "KAFKA_PORT", usual });

test("a usual port that is taken is replaced by a free one, and that is told", async () => {
  const usual = await takenPort();
  const notices: string[] = [];
  const { KAFKA_PORT: port } = await choosePorts([wish(usual)], {}, (sentence) => notices.push(sentence));
  expect(port).not.toBe(usual);
  expect(await isFree(port!)).toBe(true);
  expect(notices).toEqual([
    `Some usual ports are in use, so free ones are taken: Kafka on ${port} (KAFKA_PORT).`,
  ]);
});

test("a port that a person chose is never replaced", async () => {
  const port = await takenPort();
  const chosen = choosePorts([wish(1)], { KAFKA_PORT: String(port) }, () => undefined);
  await expect(chosen).rejects.toThrow(`Port ${port} is in use, and KAFKA_PORT asks for it for Kafka.`);
});

test("what is no port is refused with the variable's name", async () => {
  const chosen = choosePorts([wish(1)], { KAFKA_PORT: "99999" }, () => undefined);
  await expect(chosen).rejects.toThrow("KAFKA_PORT=99999");
});

test("0 takes any free port, and never the same one twice", async () => {
  const wishes = ["A", "B", "C"].map((name) => ({ name, variable: name, usual: 1 }));
  const ports = await choosePorts(wishes, { A: "0", B: "0", C: "0" }, () => undefined);
  expect(new Set(Object.values(ports)).size).toBe(3);
});
