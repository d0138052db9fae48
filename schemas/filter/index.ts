export { compileFilter, evaluate, type CompiledFilter, type ListLookup } from "./compile.ts";
export { listNamePattern, parseFilter } from "./parse.ts";
export { printFilter } from "./print.ts";
export * from "./types.ts";
