import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { toMigrations, type Migration } from "./plan.ts";

/** The numbered migrations that this version of EthHook ships for a database. */
export function readMigrations(database: "postgres" | "clickhouse"): readonly Migration[] {
  const folder = fileURLToPath(new URL(`../${database}/`, import.meta.url));
  const files = readdirSync(folder).filter((file) => file.endsWith(".sql"));
  return toMigrations(new Map(files.map((file) => [file, readFileSync(`${folder}${file}`, "utf8")])));
}
