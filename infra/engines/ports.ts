import { createServer, type Server } from "node:net";
import { PipelineError } from "@ethhook/schemas";
import { portOwner } from "./port-owner.ts";

/**
 * Free ports are drawn from below the range that systems use for outgoing connections (from 32768, 49152 on macOS), so that
 * no client's connection takes a port between our look and the engine's bind.
 */
const firstFreePort = 20_000;
const lastFreePort = 32_000;
/**
 * Seconds may pass between a look and the bind of a program that is started meanwhile. So a process draws from a stretch of ports that
 * no other one draws from: it is whose socket listens on the first port, which the system takes back when the process ends.
 */
const stretchPorts = 50;

/** The rest of this process's stretch. One that lets a port go never hands it out again: what had it may come back to it. */
let stretch: Iterator<number> | undefined;
/** One draw at a time: two programs that start side by side must not get the same port. */
let drawing: Promise<unknown> = Promise.resolve();

/** What to say when the port of an engine is taken. */
export interface PortUse {
  /** The engine, as a person calls it. */
  readonly engine: string;
  /** The variable that chooses another port. */
  readonly variable: string;
}

/** Whether nothing listens on `port` of 127.0.0.1. */
export async function isFree(port: number): Promise<boolean> {
  const server = await listenOn(port);
  if (server === null) return false;
  await new Promise((resolve) => server.close(resolve));
  return true;
}

/** @returns null when the port is taken. */
function listenOn(port: number): Promise<Server | null> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE" || error.code === "EACCES") resolve(null);
      else reject(error);
    });
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => resolve(server));
  });
}

/** Stretches in an order of chance, each held while its ports are drawn and after that. */
async function takeStretch(): Promise<Iterator<number>> {
  const stretches = (lastFreePort - firstFreePort) / stretchPorts;
  const start = Math.floor(Math.random() * stretches);
  for (let n = 0; n < stretches; n += 1) {
    const first = firstFreePort + ((start + n) % stretches) * stretchPorts;
    const guard = await listenOn(first);
    if (guard === null) continue;
    guard.unref();
    return Array.from({ length: stretchPorts - 1 }, (_, at) => first + 1 + at).values();
  }
  throw new PipelineError("PORT_IN_USE", "crash", "No free port was found on this machine.");
}

async function draw(): Promise<number> {
  for (;;) {
    stretch ??= await takeStretch();
    const { value, done } = stretch.next();
    if (done) stretch = undefined;
    else if (await isFree(value)) return value;
  }
}

/** A port of 127.0.0.1 that nothing listens on, and that no other process is given while this one lives. */
export function anyFreePort(): Promise<number> {
  const drawn = drawing.then(draw);
  drawing = drawn.catch(() => undefined);
  return drawn;
}

/**
 * The port to use on 127.0.0.1: the wanted one, or any free one for 0 or undefined.
 * @throws PipelineError `PORT_IN_USE` that names who has it, and the variable that changes the engine's port.
 */
export async function choosePort(wanted: number | undefined, use: PortUse): Promise<number> {
  if (!wanted) return anyFreePort();
  if (await isFree(wanted)) return wanted;
  const owner = portOwner(wanted);
  const by = owner ? ` by ${owner}` : "";
  throw new PipelineError(
    "PORT_IN_USE",
    "crash",
    `Port ${wanted} is in use${by}, and ${use.engine} needs it. Stop that program, or choose another port with ${use.variable}=<port>.`,
  );
}
