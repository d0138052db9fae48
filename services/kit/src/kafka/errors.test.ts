import { createRequire } from "node:module";
import { expect, test } from "vitest";
import { brokerErrorType, classifySendFailure, isUnreached } from "./errors.ts";

const {
  KafkaJSConnectionError,
  KafkaJSGroupCoordinatorNotFound,
  KafkaJSNumberOfRetriesExceeded,
  KafkaJSProtocolError,
} = createRequire(import.meta.url)("kafkajs/src/errors.js") as Record<
  string,
  new (error: unknown, more?: object) => Error
>;

test("a broker's error is found below the retries that were given up", () => {
  const cause = new KafkaJSProtocolError!({
    message: "loading",
    type: "GROUP_LOAD_IN_PROGRESS",
    code: 14,
    retriable: true,
  });
  const given = new KafkaJSNumberOfRetriesExceeded!(cause, { retryCount: 5, retryTime: 100 });
  expect(brokerErrorType(given)).toBe("GROUP_LOAD_IN_PROGRESS");
});

test("no coordinator found is what a starting broker says, whatever kafkajs calls it: it is asked again", () => {
  const none = new KafkaJSGroupCoordinatorNotFound!("Failed to find group coordinator");
  expect(none).toHaveProperty("retriable", false);
  expect(brokerErrorType(none)).toBe("GROUP_COORDINATOR_NOT_AVAILABLE");
  expect(brokerErrorType(new Error("the start", { cause: none }))).toBe("GROUP_COORDINATOR_NOT_AVAILABLE");
});

test("what is unknown is sent again; only what can never succeed is refused", () => {
  expect(classifySendFailure(new Error("socket closed"))).toBe("transient");
  expect(classifySendFailure({ type: "TOPIC_AUTHORIZATION_FAILED" })).toBe("refused");
});

test("a connection that failed is told from a broker that refused, also below the retries that were given up", () => {
  const lost = new KafkaJSConnectionError!("connect ECONNREFUSED");
  const given = new KafkaJSNumberOfRetriesExceeded!(lost, { retryCount: 5, retryTime: 100 });
  expect([lost, given, new Error("the start", { cause: lost })].map(isUnreached)).toEqual([true, true, true]);
  expect(isUnreached(Object.assign(new Error("no"), { type: "NOT_COORDINATOR_FOR_GROUP" }))).toBe(false);
});
