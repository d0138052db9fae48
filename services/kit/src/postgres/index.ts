export * from "./listener.ts";
export * from "./pool.ts";
