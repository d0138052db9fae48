import { runCommand } from "../../support/command.ts";
import pg from "pg";
import type { Stage } from "./stage.ts";

export interface Replays {
  /** Replays all of `deliveries`. @returns records a second, from its start to its end as it noted them itself. */
  run(records: number): Promise<Readonly<Record<string, number>>>;
}

/** `npm run replay` as a person runs it, without a rate and without waiting for delivery, which does not run here. */
export function createReplays({ env, postgresUrl }: Stage): Replays {
  return {
    async run(records) {
      const args = ["--topic", "deliveries", "--rate", "max", "--lead", "0", "--json"];
      const { code, stdout, stderr } = await runCommand("replay", args, env);
      if (code !== 0) throw new Error(`replay: ${stderr}`);
      const { id, sent, scanned } = JSON.parse(stdout) as { id: string; sent: number; scanned: number };
      if (sent < records) throw new Error(`replay sent ${sent} of ${records} webhooks`);
      const db = new pg.Client({ connectionString: postgresUrl });
      await db.connect();
      const { rows } = await db.query<{ seconds: string }>(
        "SELECT extract(epoch FROM updated_at - created_at) AS seconds FROM replays WHERE id = $1",
        [id],
      );
      await db.end();
      return { recordsPerSecond: scanned / Number(rows[0]?.seconds), sent };
    },
  };
}
