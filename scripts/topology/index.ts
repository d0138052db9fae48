export * from "./broker.ts";
