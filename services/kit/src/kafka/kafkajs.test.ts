import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import kafkajs from "kafkajs";
import { expect, test, vi } from "vitest";
import { kafkajsRequests } from "./broker-request.ts";
import { createClient } from "./client.ts";
import { clusterOf } from "./cluster.ts";
import { newestVersion as newestFetch, oldestVersion as oldestFetch } from "./fetch/fetch-response.ts";
import { type ConsumerGroup, ConsumerGroupClass } from "./group-hooks.ts";
import { CompressionCodecs, CompressionTypes } from "./kafkajs.ts";
import { ConnectionPoolClass, type RequestQueue, RequestQueueClass } from "./patches.ts";
import { BrokerPoolClass } from "./silent-brokers.ts";
import {
  newestVersion as newestProduce,
  oldestVersion as oldestProduce,
} from "./produce/produce-protocol.ts";
import { createLogger } from "../logger.ts";

const require = createRequire(import.meta.url);
const logger = createLogger({ name: "test", level: "silent" });

/**
 * The kit relies on what is inside kafkajs 2.2.4. When one of these fails, kafkajs has changed: read the new code of the
 * file, see whether the module named beside it is still right, and only then change the expectation.
 */
test("kafkajs is the version that the kit was written against", () => {
  expect((require("kafkajs/package.json") as { version: string }).version).toBe("2.2.4");
});

test.each([
  [
    "src/consumer/consumerGroup.js",
    "group-hooks.ts",
    "joinAndSync|fetch|heartbeat|commitOffsets|recoverFromFetch|checkForStaleAssignment",
  ],
  ["src/consumer/runner.js", "consumer.ts", "fetch|heartbeat|scheduleFetchManager|stop"],
  ["src/consumer/index.js", "consumer.ts", "onCrash|disconnect"],
  [
    "src/consumer/offsetManager/index.js",
    "consumer.ts and membership.ts",
    "resolveOffsets|committedOffsets|commitOffsets|getCoordinator",
  ],
  [
    "src/network/requestQueue/index.js",
    "patches.ts",
    "scheduleCheckPendingRequests|checkPendingRequests|scheduleRequestTimeoutCheck",
  ],
  ["src/network/connection.js", "broker-request.ts and silent-brokers.ts", "send|connect|disconnect"],
  ["src/cluster/brokerPool.js", "silent-brokers.ts", "findConnectedBroker|withBroker|findBroker"],
  ["src/network/connectionPool.js", "broker-request.ts and patches.ts", "send|getConnection"],
  ["src/protocol/request.js", "broker-request.ts", "encode"],
])("%s, which %s relies on, is what was read", (file) => {
  const source = readFileSync(require.resolve(`kafkajs/${file}`));
  expect(createHash("sha256").update(source).digest("hex").slice(0, 16)).toMatchSnapshot();
});

test("the methods that the kit wraps are wrapped", () => {
  const { joinAndSync, fetch, heartbeat } = ConsumerGroupClass.prototype;
  const names = [joinAndSync, fetch, heartbeat].map(({ name }) => name);
  expect(names).toEqual(["joinAfterDrain", "fetchOurselves", "heartbeatOurselves"]);
});

test("a group whose coordinator is not found joins again later", async () => {
  const { KafkaJSGroupCoordinatorNotFound } = require("kafkajs/src/errors.js") as {
    KafkaJSGroupCoordinatorNotFound: new (message: string) => Error;
  };
  const none = new KafkaJSGroupCoordinatorNotFound("Failed to find group coordinator");
  expect(none).toHaveProperty("retriable", false);
  const group = groupWhoseCoordinator(() => Promise.reject(none));
  await expect(group.joinAndSync()).rejects.toMatchObject({ message: none.message, retriable: true });
});

test("any other error of a join stays what kafkajs makes of it", async () => {
  const refused = new kafkajs.KafkaJSNonRetriableError("Not authorized to access group");
  await expect(groupWhoseCoordinator(() => Promise.reject(refused)).joinAndSync()).rejects.toBe(refused);
});

/** kafkajs' own group, that looks for its coordinator as told and has joined nothing yet. */
function groupWhoseCoordinator(find: () => Promise<never>): ConsumerGroup {
  const Group = ConsumerGroupClass as unknown as new (options: object) => ConsumerGroup;
  return new Group({
    cluster: { findGroupCoordinator: find, refreshMetadata: () => Promise.resolve() },
    groupId: "without-coordinator",
    logger: { namespace: () => logger },
    topics: [],
    assigners: [],
    retry: { initialRetryTime: 1, retries: 0 },
    topicConfigurations: {},
  });
}

test("a connection with nothing to send has no timer", () => {
  const queue = Object.assign(Object.create(RequestQueueClass.prototype as object), {
    pending: [],
    throttledUntil: -1,
    throttleCheckTimeoutId: null,
  }) as typeof RequestQueueClass.prototype;
  queue.scheduleCheckPendingRequests();
  expect(queue.throttleCheckTimeoutId).toBeNull();
  queue.pending.push({});
  queue.scheduleCheckPendingRequests();
  expect(queue.throttleCheckTimeoutId).not.toBeNull();
  clearTimeout(queue.throttleCheckTimeoutId ?? undefined);
});

test("a request without an answer is found by a look each second, that ends with the connection", () => {
  vi.useFakeTimers();
  try {
    let timedOut = 0;
    let connected = true;
    const request = { sentAt: Date.now(), requestTimeout: 1_500, timeoutRequest: () => void (timedOut += 1) };
    const queue = Object.assign(Object.create(RequestQueueClass.prototype as object), {
      enforceRequestTimeout: true,
      inflight: new Map([[1, request]]),
      requestTimeoutIntervalId: null,
      isConnected: () => connected,
    }) as typeof RequestQueueClass.prototype;
    queue.scheduleRequestTimeoutCheck();
    vi.advanceTimersByTime(1_000);
    expect([timedOut, vi.getTimerCount()]).toEqual([0, 1]);
    connected = false;
    vi.advanceTimersByTime(1_000);
    expect([timedOut, vi.getTimerCount()]).toEqual([1, 0]);
  } finally {
    vi.useRealTimers();
  }
});

test("a connection whose oldest request is late is given up; one that only has a late one behind it is not", () => {
  vi.useFakeTimers();
  try {
    const timedOut: number[] = [];
    let givenUp = 0;
    const request = (n: number, requestTimeout: number) => ({
      sentAt: Date.now(),
      requestTimeout,
      timeoutRequest: () => void timedOut.push(n),
    });
    const queue = Object.assign(Object.create(RequestQueueClass.prototype as object), {
      enforceRequestTimeout: true,
      inflight: new Map([
        [1, request(1, 3_500)],
        [2, request(2, 1_500)],
      ]),
      requestTimeoutIntervalId: null,
      isConnected: () => givenUp === 0,
      giveUp: () => void (givenUp += 1),
    }) as typeof RequestQueueClass.prototype;
    queue.scheduleRequestTimeoutCheck();
    vi.advanceTimersByTime(2_000);
    expect([timedOut, givenUp]).toEqual([[2], 0]);
    queue.inflight.delete(2);
    // As after a pause of the whole process: the answer may be there, unread.
    vi.setSystemTime(Date.now() + 60_000);
    vi.advanceTimersByTime(1_000);
    expect(givenUp).toBe(0);
    vi.advanceTimersByTime(1_000);
    expect([timedOut, givenUp, vi.getTimerCount()]).toEqual([[2], 1, 0]);
  } finally {
    vi.useRealTimers();
  }
});

test("brokers that answer are asked before one that is silent, and one that cannot be reached is passed over", async () => {
  const broker = (oldestMs: number) => {
    const inflight = new Map([[1, { sentAt: Date.now() - oldestMs }]]);
    return { isConnected: () => true, connectionPool: { pool: [{ requestQueue: { inflight } }] } };
  };
  const brokers = { 1: broker(5_000), 2: broker(0), 3: broker(0) };
  const pool = Object.assign(Object.create(BrokerPoolClass.prototype as object), {
    brokers,
    findBroker: async ({ nodeId }: { nodeId: "1" | "2" | "3" }) => {
      if (nodeId === "2") throw new Error("refused");
      return brokers[nodeId];
    },
  }) as typeof BrokerPoolClass.prototype;
  const asked = () => pool.withBroker(async ({ nodeId }) => nodeId);
  expect(await Promise.all(Array.from({ length: 20 }, asked))).toEqual(Array(20).fill("3"));
  expect(await pool.findConnectedBroker()).toBe(brokers[3]);
  expect(await pool.withBroker(() => Promise.reject(new Error("who?")))).toBeNull();
});

test("requests that come together share the connection that is being opened, and open it again after a failure", async () => {
  let attempts = 0;
  let connected = false;
  let fails = true;
  const connection = {
    requestQueue: {} as RequestQueue,
    isConnected: () => connected,
    async connect() {
      attempts += 1;
      await new Promise((resolve) => setImmediate(resolve));
      if (fails) throw new Error("refused");
      connected = true;
    },
  };
  const pool = Object.assign(Object.create(ConnectionPoolClass.prototype as object), {
    pool: [connection],
  }) as typeof ConnectionPoolClass.prototype;
  const together = () => Promise.allSettled(Array.from({ length: 12 }, () => pool.getConnection(0)));
  expect((await together()).map(({ status }) => status)).toEqual(Array(12).fill("rejected"));
  expect(attempts).toBe(1);
  fails = false;
  expect((await together()).map(({ status }) => status)).toEqual(Array(12).fill("fulfilled"));
  expect(attempts).toBe(2);
});

test("every codec of Kafka is registered", () => {
  const codecs: Record<number, unknown> = CompressionCodecs;
  for (const type of [
    CompressionTypes.GZIP,
    CompressionTypes.Snappy,
    CompressionTypes.LZ4,
    CompressionTypes.ZSTD,
  ]) {
    expect((codecs[type] as () => object)()).toHaveProperty("decompress");
  }
});

test("kafkajs asks for no version of a request that the kit cannot read", () => {
  const versions = (name: "Fetch" | "Produce") => kafkajsRequests.requests[name].versions.map(Number);
  expect(Math.max(...versions("Fetch"))).toBe(newestFetch);
  expect(versions("Fetch")).toContain(oldestFetch);
  expect(Math.max(...versions("Produce"))).toBe(newestProduce);
  expect(versions("Produce")).toContain(oldestProduce);
});

test("kafkajs gives its cluster to an assigner, with the methods that readers and producers use", () => {
  const { kafka } = createClient({ brokers: ["127.0.0.1:1"], clientId: "test", logger });
  const cluster = clusterOf(kafka) as unknown as Record<string, unknown>;
  const needed = ["connect", "disconnect", "addTargetTopic", "refreshMetadata", "refreshMetadataIfNecessary"];
  const lookups = [
    "findBroker",
    "findControllerBroker",
    "findGroupCoordinator",
    "findTopicPartitionMetadata",
    "fetchTopicsOffset",
  ];
  for (const method of [...needed, ...lookups]) expect(cluster[method]).toBeTypeOf("function");
});

test("a broker has the fields and methods that our own requests use", () => {
  const Broker = require("kafkajs/src/broker/index.js") as new (options: object) => Record<string, unknown>;
  const pool = { host: "h", port: 1 };
  const broker = new Broker({ connectionPool: pool, logger: { namespace: () => ({}) } });
  expect(broker["connectionPool"]).toBe(pool);
  for (const method of [
    "lookupRequest",
    "disconnect",
    "initProducerId",
    "addPartitionsToTxn",
    "endTxn",
    "heartbeat",
    "offsetCommit",
  ]) {
    expect(broker[method]).toBeTypeOf("function");
  }
});

test("a killed client opens no connection any more", async () => {
  const client = createClient({ brokers: ["127.0.0.1:1"], clientId: "test", logger });
  client.kill();
  await expect(client.kafka.admin().connect()).rejects.toThrow("killed");
});
