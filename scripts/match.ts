import { createMatchCommand } from "./match/command.ts";

// A reader that has enough (`| head`) is no failure.
process.stdout.on("error", () => process.exit());
await createMatchCommand(process.env).parseAsync();
