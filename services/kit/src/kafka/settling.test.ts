import { expect, test } from "vitest";
import { waitUntilSeen, waitUntilServed, whileBrokersSettle, whileUnheardOf } from "./settling.ts";

type Metadata = Parameters<typeof waitUntilServed>[0];

/** Answers with the next of the list: an error's type, or the leader of the only partition. */
function answering(...answers: readonly (string | number)[]): Metadata & { asked: number } {
  const admin = {
    asked: 0,
    fetchTopicOffsets: () => Promise.resolve([]),
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
  await waitUntilServed(admin, ["t"], 10_000);
  expect(admin.asked).toBe(4);
});

test("a leader that the metadata names and that is none yet is asked again", async () => {
  const refusals = ["NOT_LEADER_FOR_PARTITION", "NOT_LEADER_FOR_PARTITION"];
  const fetchTopicOffsets: Metadata["fetchTopicOffsets"] = async () => {
    const type = refusals.pop();
    if (type !== undefined) throw Object.assign(new Error(type), { type });
    return [];
  };
  await waitUntilServed({ ...answering(1), fetchTopicOffsets }, ["t"], 10_000);
  expect(refusals).toEqual([]);
});

test("another error is not waited out", async () => {
  const admin = answering("TOPIC_AUTHORIZATION_FAILED", 1);
  await expect(waitUntilServed(admin, ["t"], 10_000)).rejects.toThrow("TOPIC_AUTHORIZATION_FAILED");
});

test("after the deadline the broker's last word is the error", async () => {
  await expect(waitUntilServed(answering("LEADER_NOT_AVAILABLE"), ["t"], 0)).rejects.toThrow(
    "LEADER_NOT_AVAILABLE",
  );
  await expect(waitUntilServed(answering(-1), ["t"], 0)).rejects.toThrow("have no leader");
});

test("a change is waited for until the broker shows it, and not for ever", async () => {
  const shown = [false, false, true];
  await waitUntilSeen(async () => shown.shift() ?? true, 10_000);
  expect(shown).toEqual([]);
  await waitUntilSeen(async () => false, 0);
});

const loading = Object.assign(new Error("loading"), { type: "GROUP_LOAD_IN_PROGRESS" });

test("a coordinator that loads its groups is waited for, and looked up anew each time", async () => {
  let looked = 0;
  const refresh = async (): Promise<void> => {
    looked += 1;
    throw new Error("later");
  };
  const ask = async (): Promise<string> => {
    // As kafkajs gives it: below retries that it gave up.
    if (looked < 3) throw new Error("given up", { cause: loading });
    return "offsets";
  };
  expect(await whileBrokersSettle(ask, refresh)).toBe("offsets");
});

test("one that loads for ever, and any other error, is told", async () => {
  await expect(whileBrokersSettle(() => Promise.reject(loading), undefined, 0)).rejects.toBe(loading);
  const refused = Object.assign(new Error("no"), { type: "GROUP_AUTHORIZATION_FAILED" });
  await expect(whileBrokersSettle(() => Promise.reject(refused))).rejects.toBe(refused);
});

test("a broker that is away is waited for: the others take over what it had", async () => {
  const away = Object.assign(new Error("connect ECONNREFUSED"), { name: "KafkaJSConnectionError" });
  const answers = [() => Promise.reject(away), () => Promise.resolve("offsets")];
  expect(await whileBrokersSettle(() => answers.shift()!())).toBe("offsets");
});

test("a broker that has not heard of a new topic yet is asked again, and not for ever", async () => {
  const unknown = Object.assign(new Error("which?"), { type: "UNKNOWN_TOPIC_OR_PARTITION" });
  const answers = [() => Promise.reject(unknown), () => Promise.resolve("made")];
  expect(await whileUnheardOf(() => answers.shift()!(), 10_000)).toBe("made");
  await expect(whileUnheardOf(() => Promise.reject(unknown), 0)).rejects.toBe(unknown);
});
