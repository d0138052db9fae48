import { expect, test } from "vitest";
import { planMigrations, toMigrations } from "./plan.ts";
import { readMigrations } from "./read.ts";
import { isRepeatable, statementsOf } from "./statements.ts";

const files = new Map([
  ["0002-more.sql", "CREATE TABLE b ();"],
  ["0001-first.sql", "CREATE TABLE a ();"],
]);
const migrations = toMigrations(files);

test("migrations are in the order of their numbers", () => {
  expect(migrations.map(({ name }) => name)).toEqual(["0001-first", "0002-more"]);
});

test("only what was not applied is planned", () => {
  expect(planMigrations(migrations, [])).toEqual(migrations);
  expect(planMigrations(migrations, migrations.slice(0, 1))).toEqual(migrations.slice(1));
  expect(planMigrations(migrations, migrations)).toEqual([]);
});

test("a step that was edited after it was applied is refused", () => {
  const edited = [{ ...migrations[0]!, checksum: "0".repeat(64) }];
  expect(() => planMigrations(migrations, edited)).toThrow("0001-first was edited");
});

test("a database of a later version is refused with the way out", () => {
  const later = [...migrations, { number: 3, name: "0003-future", checksum: "" }];
  expect(() => planMigrations(migrations, later)).toThrow("upgrade EthHook");
});

test("a hole, a double number and a file without a number are refused", () => {
  expect(() => toMigrations(new Map([["0002-a.sql", ""]]))).toThrow("number 1");
  expect(() =>
    toMigrations(
      new Map([
        ["0001-a.sql", ""],
        ["0001-b.sql", ""],
      ]),
    ),
  ).toThrow("number 2");
  expect(() => toMigrations(new Map([["first.sql", ""]]))).toThrow("0007-what-it-does");
});

test("the shipped migrations of Postgres are well numbered", () => {
  expect(readMigrations("postgres").length).toBeGreaterThan(0);
});

test("every statement of ClickHouse's migrations may run twice, since a crash can make it", () => {
  const migrations = readMigrations("clickhouse");
  expect(migrations.length).toBeGreaterThan(0);
  const statements = migrations.flatMap(({ sql }) => statementsOf(sql));
  expect(statements.filter((statement) => !isRepeatable(statement))).toEqual([]);
  expect(statements.filter((statement) => statement.includes("--"))).toEqual([]);
});
