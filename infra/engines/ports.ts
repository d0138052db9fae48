import { createServer } from "node:net";
import { PipelineError } from "@ethhook/schemas";
import { portOwner } from "./port-owner.ts";

/**
 * Free ports are drawn from below the range that systems use for outgoing connections (from 32768, 49152 on macOS), so that
 * no client's connection takes a port between our look and the engine's bind.
 */
const firstFreePort = 20_000;
const lastFreePort = 32_000;
const drawsMax = 200;

/** Ports handed out by this process: two engines that start side by side must not draw the same one. */
const handedOut = new Set<number>();

/** What to say when the port of an engine is taken. */
export interface PortUse {
  /** The engine, as a person calls it. */
  readonly engine: string;
  /** The variable that chooses another port. */
  readonly variable: string;
}

/** Whether nothing listens on `port` of 127.0.0.1. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE" || error.code === "EACCES") resolve(false);
      else reject(error);
    });
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => server.close(() => resolve(true)));
  });
}

async function drawPort(use: PortUse): Promise<number> {
  for (let draw = 0; draw < drawsMax; draw += 1) {
    const port = firstFreePort + Math.floor(Math.random() * (lastFreePort - firstFreePort));
    if (!handedOut.has(port) && (await isFree(port))) {
      handedOut.add(port);
      return port;
    }
  }
  throw new PipelineError("PORT_IN_USE", "crash", `No free port was found for ${use.engine}.`);
}

/**
 * The port to use on 127.0.0.1: the wanted one, or any free one for 0 or undefined.
 * @throws PipelineError `PORT_IN_USE` that names who has it, and the variable that changes the engine's port.
 */
export async function choosePort(wanted: number | undefined, use: PortUse): Promise<number> {
  if (!wanted) return drawPort(use);
  if (await isFree(wanted)) return wanted;
  const owner = portOwner(wanted);
  const by = owner ? ` by ${owner}` : "";
  throw new PipelineError(
    "PORT_IN_USE",
    "crash",
    `Port ${wanted} is in use${by}, and ${use.engine} needs it. Stop that program, or choose another port with ${use.variable}=<port>.`,
  );
}
