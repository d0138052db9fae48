import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { documents, documentsFolder } from "./docs/documents.ts";

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

new Command("npm run docs --")
  .description(`Makes the reference documents from their data: ${Object.keys(documents()).join(", ")}.`)
  .option("--check", "write nothing; exit 1 when one of them is stale", false)
  .action(({ check }: { check: boolean }) => {
    const stale = Object.entries(documents()).filter(
      ([file, text]) => read(join(documentsFolder, file)) !== text,
    );
    for (const [file, text] of stale) {
      if (!check) writeFileSync(join(documentsFolder, file), text);
      console.log(`${file} ${check ? "is stale: npm run docs" : "written"}`);
    }
    if (stale.length === 0) console.log("every document is as its data says");
    process.exitCode = check && stale.length > 0 ? 1 : 0;
  })
  .parse();
