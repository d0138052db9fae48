import "./memory.ts";

// Not a static import: all of those are loaded before the first of them runs.
const { runIngestor } = await import("./run.ts");
await runIngestor(process.env);
