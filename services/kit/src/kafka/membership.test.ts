import { createRequire } from "node:module";
import { expect, test } from "vitest";
import { createLogger } from "../logger.ts";
import type { ConsumerGroup, Coordinator } from "./group-hooks.ts";
import { createMembership } from "./membership.ts";

const { KafkaJSConnectionError } = createRequire(import.meta.url)("kafkajs/src/errors.js") as Record<
  string,
  new (message: string) => Error
>;
const refused = new KafkaJSConnectionError!("connect ECONNREFUSED");
const unknownMember = Object.assign(new Error("who are you"), { type: "UNKNOWN_MEMBER_ID" });
const coordinator: Coordinator = { heartbeat: () => Promise.resolve() };
const sessionTimeoutMs = 10_000;

/** A member whose coordinator died; `findings` answers the questions for a new one. */
function scene() {
  const findings: PromiseWithResolvers<Coordinator>[] = [];
  const clock = { nowMs: 0 };
  const find = () => {
    findings.push(Promise.withResolvers<Coordinator>());
    return findings.at(-1)!.promise;
  };
  const group = {
    groupId: "g",
    memberId: "m-1",
    lastRequest: 0,
    coordinator: null,
    offsetManager: { coordinator: null },
    cluster: { findGroupCoordinator: find },
  };
  const logger = createLogger({ name: "test", level: "silent" });
  const membership = createMembership({ sessionTimeoutMs, now: () => clock.nowMs, logger });
  return { clock, findings, group, of: group as unknown as ConsumerGroup, membership };
}

const lost = () => Promise.reject(refused);

test("a coordinator that died is looked for once, and nothing is asked of it meanwhile", async () => {
  const { findings, group, of, membership } = scene();
  await membership.heartbeat(of, lost);
  await membership.heartbeat(of, () => Promise.reject(new Error("not asked")));
  expect(membership.failed(of, refused)).toBe(true);
  expect(findings).toHaveLength(1);
  findings[0]!.resolve(coordinator);
  await new Promise((resolve) => setImmediate(resolve));
  expect([group.coordinator, group.offsetManager.coordinator]).toEqual([coordinator, coordinator]);
  expect(group.memberId).toBe("m-1");
});

test("a coordinator that is not found in a session's time ends the membership, and not before", async () => {
  const { clock, findings, of, membership } = scene();
  await membership.heartbeat(of, lost);
  findings[0]!.reject(refused);
  await new Promise((resolve) => setImmediate(resolve));
  clock.nowMs = sessionTimeoutMs;
  await membership.heartbeat(of, lost);
  clock.nowMs += 1;
  await expect(membership.heartbeat(of, lost)).rejects.toBe(refused);
});

test("a heartbeat that is answered begins the time anew; one that was not due does not", async () => {
  const { clock, findings, group, of, membership } = scene();
  await membership.heartbeat(of, lost);
  findings[0]!.resolve(coordinator);
  await new Promise((resolve) => setImmediate(resolve));
  await membership.heartbeat(of, () => Promise.resolve());
  clock.nowMs = sessionTimeoutMs + 1;
  await expect(membership.heartbeat(of, lost)).rejects.toBe(refused);
  findings[1]!.resolve(coordinator);
  await new Promise((resolve) => setImmediate(resolve));
  await membership.heartbeat(of, async () => void (group.lastRequest = clock.nowMs));
  await membership.heartbeat(of, lost);
});

test("what the coordinator says about the member is kafkajs' to answer", async () => {
  const { findings, of, membership } = scene();
  await expect(membership.heartbeat(of, () => Promise.reject(unknownMember))).rejects.toBe(unknownMember);
  expect(membership.failed(of, unknownMember)).toBe(false);
  expect(findings).toEqual([]);
});

test("a new group object goes on as the member that could not leave, and joins anew after one that did", () => {
  const { group, of, membership } = scene();
  const next = () => ({ ...group, memberId: null }) as unknown as ConsumerGroup;
  membership.goOn(of);
  const [second, third] = [next(), next()];
  membership.goOn(second);
  expect(second.memberId).toBe("m-1");
  second.memberId = null;
  membership.goOn(third);
  expect(third.memberId).toBeNull();
});

test("a heartbeat that is not answered does not hold up the fetch that it ends, and what comes of it is seen", async () => {
  const { findings, of, membership } = scene();
  const hanging = Promise.withResolvers<void>();
  await membership.heartbeat(of, () => hanging.promise);
  await membership.heartbeat(of, () => Promise.reject(new Error("not asked")));
  hanging.reject(refused);
  await new Promise((resolve) => setImmediate(resolve));
  expect(findings).toHaveLength(1);
});
