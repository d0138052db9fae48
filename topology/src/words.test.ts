import { expect, test } from "vitest";
import { bytesInWords, durationInWords } from "./words.ts";

test.each([
  [0, "0 B"],
  [999, "999 B"],
  [999_999, "1.0 MB"],
  [1_440_000_000, "1.4 GB"],
  [77_760_000_000, "78 GB"],
])("%i bytes are %s", (bytes, words) => {
  expect(bytesInWords(bytes)).toBe(words);
});

test.each([
  [null, "for ever"],
  [86_400_000, "1 day"],
  [604_800_000, "7 days"],
  [5_400_000, "90 min"],
  [250, "250 ms"],
])("%s ms are %s", (ms, words) => {
  expect(durationInWords(ms)).toBe(words);
});
