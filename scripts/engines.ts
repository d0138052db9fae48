import { createEnginesCommand } from "./engines/command.ts";

// A reader that has enough (`| head`) is no failure.
process.stdout.on("error", () => process.exit());
await createEnginesCommand(process.env).parseAsync();
