import { expect, test } from "vitest";
import { waitForLeaders, waitUntilSeen } from "./new-topics.ts";

type Metadata = Parameters<typeof waitForLeaders>[0];

/** Answers with the next of the list: an error's type, or the leader of the only partition. */
function answering(...answers: readonly (string | number)[]): Metadata & { asked: number } {
  const admin = {
    asked: 0,
    fetchTopicMetadata: () => {
      const answer = answers[Math.min(admin.asked, answers.length - 1)];
      admin.asked += 1;
      if (typeof answer === "string")
        return Promise.reject(Object.assign(new Error(answer), { type: answer }));
      return Promise.resolve({ topics: [{ name: "t", partitions: [{ leader: answer }] }] });
    },
  };
  return admin as unknown as Metadata & { asked: number };
}

test("a topic that the broker does not know yet is asked for again until it has a leader", async () => {
  const admin = answering("UNKNOWN_TOPIC_OR_PARTITION", "LEADER_NOT_AVAILABLE", -1, 1);
  await waitForLeaders(admin, ["t"], 10_000);
  expect(admin.asked).toBe(4);
});

test("another error is not waited out", async () => {
  const admin = answering("TOPIC_AUTHORIZATION_FAILED", 1);
  await expect(waitForLeaders(admin, ["t"], 10_000)).rejects.toThrow("TOPIC_AUTHORIZATION_FAILED");
});

test("after the deadline the broker's last word is the error", async () => {
  await expect(waitForLeaders(answering("LEADER_NOT_AVAILABLE"), ["t"], 0)).rejects.toThrow(
    "LEADER_NOT_AVAILABLE",
  );
  await expect(waitForLeaders(answering(-1), ["t"], 0)).rejects.toThrow("have no leader");
});

test("a change is waited for until the broker shows it, and not for ever", async () => {
  const shown = [false, false, true];
  await waitUntilSeen(async () => shown.shift() ?? true, 10_000);
  expect(shown).toEqual([]);
  await waitUntilSeen(async () => false, 0);
});
