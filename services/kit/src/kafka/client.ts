import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type {
  ISocketFactory,
  Kafka as KafkaClient,
  logCreator,
  logLevel as LogLevel,
  SASLOptions,
} from "kafkajs";
import type { Logger } from "../logger.ts";
import { Kafka, logLevel } from "./kafkajs.ts";
import { createLogOnce } from "./log-once.ts";

/** How to reach the cluster, shared by everything that talks to it. */
export interface ClientSettings {
  /** host:port of some brokers; the others are learnt from them. */
  readonly brokers: readonly string[];
  /** Shown in the broker's logs and in Console. */
  readonly clientId: string;
  readonly logger: Logger;
  /** TLS with the system's certificate authorities. */
  readonly tls?: boolean;
  readonly sasl?: SASLOptions;
  /** How long a broker may take for an answer; joins and writes name their own time. Default 10 000. */
  readonly requestTimeoutMs?: number;
}

export interface Client {
  readonly kafka: KafkaClient;
  /**
   * Cuts every connection and refuses new ones, for good. A kafkajs object that hangs or retries behind our back is
   * thereby harmless: it can write nothing any more.
   */
  kill(): void;
}

const keepAliveDelayMs = 30_000;

/** One kafkajs client per consumer, producer or reader, so that each can be killed alone. */
export function createClient(settings: ClientSettings): Client {
  const sockets = new Set<Socket>();
  let killed = false;
  const socketFactory: ISocketFactory = ({ host, port, ssl, onConnect }) => {
    if (killed) throw new Error("this client was killed");
    const servername = isIP(host) === 0 ? { servername: host } : {};
    const socket = ssl
      ? connectTls({ host, port, ...servername, ...ssl }, onConnect)
      : connectTcp({ host, port }, onConnect);
    // Nagle's algorithm would hold a small request until the one before is acknowledged: up to 40 ms.
    socket.setNoDelay(true);
    socket.setKeepAlive(true, keepAliveDelayMs);
    sockets.add(socket);
    socket.once("close", () => {
      sockets.delete(socket);
      // kafkajs lets go of a closed one at each try to reach its broker, and Node keeps each for a connection that never comes.
      socket.unref = () => socket;
    });
    return socket;
  };
  const kafka = new Kafka({
    brokers: shuffled(settings.brokers),
    clientId: settings.clientId,
    connectionTimeout: 5_000,
    requestTimeout: settings.requestTimeoutMs ?? 10_000,
    // Short: whoever uses the client tries again by itself, and a broker that comes back should be seen at once.
    retry: { initialRetryTime: 50, retries: 3 },
    socketFactory,
    logLevel: kafkajsLevel(settings.logger),
    logCreator: logTo(settings.logger, () => killed),
    ...(settings.tls ? { ssl: true } : {}),
    ...(settings.sasl ? { sasl: settings.sasl } : {}),
  });
  return {
    kafka,
    kill: () => {
      killed = true;
      for (const socket of sockets) socket.destroy(new Error("this client was killed"));
    },
  };
}

/** kafkajs begins with the first: one that takes connections and does not answer would be in the way of every client. */
function shuffled(brokers: readonly string[]): string[] {
  const order = new Map(brokers.map((broker) => [broker, Math.random()]));
  return brokers.toSorted((a, b) => (order.get(a) ?? 0) - (order.get(b) ?? 0));
}

/** kafkajs builds every log entry before it drops it, so the level is decided here. */
function kafkajsLevel(logger: Logger): LogLevel {
  return logger.isLevelEnabled("debug") ? logLevel.INFO : logLevel.ERROR;
}

/**
 * What kafkajs calls an error is often the first half of a retry: a refused request is for debugging, the rest a warning.
 * Failures reach us as rejections anyway. What a killed client says is only the echo of our own doing.
 */
function logTo(logger: Logger, isKilled: () => boolean): logCreator {
  const once = createLogOnce(Date.now);
  return () =>
    ({ namespace, level, log }) => {
      if (isKilled()) return;
      const { message, timestamp: _, logger: __, ...rest } = log;
      const fields = { event: "kafkajs.logged", namespace, ...rest };
      const isWarning = level === logLevel.ERROR && !message.startsWith("Response ");
      const { say, keptBack } = isWarning ? once(message) : { say: false, keptBack: 0 };
      if (say) logger.warn({ ...fields, keptBack }, message);
      else logger.debug(fields, message);
    };
}
