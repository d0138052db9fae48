import { renderReadmeSection, sectionBegin, sectionEnd, withSection } from "@ethhook/topology";
import { expect, test } from "vitest";
import { staleFiles } from "./generated.ts";

test("no rendered file is older than the topology: `npm run topology -- render --write`", () => {
  expect(staleFiles()).toEqual([]);
});

test("a document's section is made anew between its marks, and the rest is left alone", () => {
  const document = `# Title\n${sectionBegin}\nold\n${sectionEnd}\nafter\n`;
  const made = withSection(document, renderReadmeSection());
  expect(made).toMatch(/^# Title\n/);
  expect(made).toMatch(/after\n$/);
  expect(made).not.toContain("old\n");
  expect(withSection(made ?? "", renderReadmeSection())).toBe(made);
});

test("a document without the marks has no section", () => {
  expect(withSection("# Title\n", renderReadmeSection())).toBeNull();
});
