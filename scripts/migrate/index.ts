export * from "./postgres.ts";
export * from "./clickhouse.ts";
