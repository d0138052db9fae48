import { expect, it } from "vitest";
import { keccak256 } from "./keccak.ts";

const hexOf = (text: string): string => Buffer.from(keccak256(Buffer.from(text))).toString("hex");

it("is Ethereum's Keccak-256, not the SHA-3 of NIST", () => {
  expect(hexOf("")).toBe("c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
  expect(hexOf("abc")).toBe("4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45");
});

it("gives each answer its own bytes", () => {
  const first = keccak256(Buffer.from("a"));
  const before = Buffer.from(first).toString("hex");
  keccak256(Buffer.from("b"));
  expect(Buffer.from(first).toString("hex")).toBe(before);
});
