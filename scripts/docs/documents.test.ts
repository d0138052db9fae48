import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { documents, documentsFolder } from "./documents.ts";

describe("the documents that are made from data", () => {
  it.each(Object.entries(documents()))("%s is as its data says: npm run docs", (file, text) => {
    expect(readFileSync(join(documentsFolder, file), "utf8")).toBe(text);
  });

  it("leave no field of a message without a meaning that its name does not give", () => {
    const undescribed = (documents()["MESSAGES.md"] ?? "").match(
      /^\| `\w+(Ms|Sequence|Bytes)` \| [^|]+ \|\s*\|$/gm,
    );
    expect(undescribed).toBeNull();
  });
});
