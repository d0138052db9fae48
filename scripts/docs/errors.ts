import type { errorCatalogue } from "@ethhook/schemas";
import { code, document, table } from "./markdown.ts";

export function errorsDocument(catalogue: typeof errorCatalogue): string {
  const rows = Object.entries(catalogue)
    .toSorted(([a], [b]) => a.localeCompare(b, "en"))
    .map(([name, { meaning, action }]) => [code(name), meaning, action]);
  return document("Errors", "`schemas/errors.ts`", [
    "Log lines and command output carry one of these codes when something expected went wrong. A stack trace without a" +
      " code is a bug: please report it.",
    table(["Code", "What it means", "What to do"], rows),
  ]);
}
