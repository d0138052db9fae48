import { connect } from "node:net";

const metadataApiKey = 3;
const metadataVersion = 1;

/** A Metadata request (v1, no topics) in Kafka's wire format: header v1, then an empty topic list. */
function metadataRequest(): Buffer {
  const clientId = Buffer.from("ethhook.probe");
  const body = Buffer.alloc(10 + clientId.length + 4);
  body.writeInt16BE(metadataApiKey, 0);
  body.writeInt16BE(metadataVersion, 2);
  body.writeInt32BE(1, 4);
  body.writeInt16BE(clientId.length, 8);
  clientId.copy(body, 10);
  body.writeInt32BE(0, 10 + clientId.length);
  const size = Buffer.alloc(4);
  size.writeInt32BE(body.length);
  return Buffer.concat([size, body]);
}

/** Ports that the brokers of an answer advertise. @see https://kafka.apache.org/protocol#The_Messages_Metadata */
function portsOf(answer: Buffer): number[] {
  const ports: number[] = [];
  let at = 12;
  for (let left = answer.readInt32BE(8); left > 0; left -= 1) {
    at += 6 + answer.readInt16BE(at + 4); // the broker's number and its host
    ports.push(answer.readInt32BE(at));
    at += 6 + Math.max(0, answer.readInt16BE(at + 4)); // the port and the rack
  }
  return ports;
}

/**
 * Ports of the brokers in service that the broker on `host:port` knows: itself among them once it has registered with the controller.
 * An open port alone says nothing yet. A bare exchange, because only the kit knows a client library.
 */
export function brokerPorts(host: string, port: number, timeoutMs = 2_000): Promise<readonly number[]> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    let received = Buffer.alloc(0);
    const finish = (outcome: () => void): void => {
      clearTimeout(timer);
      socket.destroy();
      outcome();
    };
    const timer = setTimeout(() => finish(() => resolve([])), timeoutMs);
    socket.once("connect", () => socket.write(metadataRequest()));
    socket.once("error", (error) => finish(() => reject(error)));
    socket.once("close", () => finish(() => resolve([])));
    socket.on("data", (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 12 || received.length < 4 + received.readInt32BE(0)) return;
      finish(() => resolve(portsOf(received)));
    });
  });
}

/** Whether the Kafka broker on `host:port` is in service. */
export async function brokerAnswers(host: string, port: number, timeoutMs?: number): Promise<boolean> {
  return (await brokerPorts(host, port, timeoutMs)).length > 0;
}
