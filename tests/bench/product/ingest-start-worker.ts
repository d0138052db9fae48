// As the product's own `main.ts` does: what follows is loaded with its setting of V8.
import "@ethhook/ingestor/memory";

await import("./ingest-worker.ts");
