import {
  createLogger,
  describeVariables,
  loadConfig,
  parseSecretKeys,
  postgresVariables,
  secretsVariables,
} from "@ethhook/kit";
import { createPostgres } from "@ethhook/kit/postgres";
import { Command } from "commander";
import { runCommand } from "./command.ts";
import { resealSecrets } from "./reseal/run.ts";

const variables = { ...postgresVariables, ...secretsVariables };

const program = new Command("npm run reseal --")
  .description(
    "Seals every endpoint secret again with the first key of SECRETS_KEY, so that the keys behind it can go. Safe to run twice.",
  )
  .addHelpText(
    "after",
    `
${describeVariables("reseal", variables)}
To replace a key: 1. put the new one behind the old one, for api and delivery: now every process opens both; 2. put the new one in
front, for both; 3. run this with both; 4. take the old one away. Exits 1 while a secret is left that no key opens.`,
  )
  .action(() =>
    runCommand(async () => {
      const config = loadConfig(variables, process.env);
      const logger = createLogger({ name: "reseal", level: "error" });
      const pool = createPostgres({ url: config.DATABASE_URL, logger });
      try {
        const { changed, current, unreadable } = await resealSecrets(
          pool,
          parseSecretKeys(config.SECRETS_KEY),
        );
        console.log(`${changed} secrets sealed again, ${current} were sealed with the first key already`);
        if (unreadable.length === 0) return 0;
        console.error(
          `${unreadable.length} endpoints have a secret that no key of SECRETS_KEY opens, as ${unreadable[0]}: ` +
            "put the old key behind the new one (comma-separated), or give them a new secret.",
        );
        return 1;
      } finally {
        await pool.end();
      }
    }),
  );

await program.parseAsync();
