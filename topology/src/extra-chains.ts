import { z } from "zod";
import { builtInChains, type Chain } from "./chains.ts";
import { ledgerPartitions } from "./topics.ts";

const reservedNames = ["dlq"];

const chainSchema = z.strictObject({
  id: z.int().positive(),
  name: z
    .string()
    .regex(
      /^[a-z][a-z0-9-]{0,30}$/,
      "a lower-case name of letters, digits and dashes: it becomes logs.<name>",
    )
    .refine((name) => !reservedNames.includes(name), "this name is taken by a topic of the pipeline"),
  blockTimeMs: z.int().min(50).max(3_600_000),
  confirmedDepth: z.int().min(1).max(100_000),
  finality: z.union([
    z.strictObject({ kind: z.literal("tag") }),
    z.strictObject({ kind: z.literal("depth"), depth: z.int().min(1).max(1_000_000) }),
  ]),
  ledgerPartition: z
    .int()
    .min(0)
    .max(ledgerPartitions - 1),
});

/**
 * Further EVM chains, as JSON text: an array of `Chain` objects. Reads to the built-in chains and those, together.
 * Every problem is an issue of its own: a clash of id, name or ledger partition as much as a wrong type.
 * `ledgerPartition` is required, because the ledger of a chain can never move: no default could stay true.
 */
export const chainsExtra: z.ZodType<readonly Chain[], string> = z.string().transform((text, context) => {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    context.addIssue({ code: "custom", message: `not JSON (${reason})` });
    return z.NEVER;
  }
  const checked = z.array(chainSchema).safeParse(parsed);
  if (!checked.success) {
    for (const issue of checked.error.issues) context.addIssue({ code: "custom", message: describe(issue) });
    return z.NEVER;
  }
  const chains: readonly Chain[] = [...builtInChains, ...checked.data];
  for (const message of clashes(chains)) context.addIssue({ code: "custom", message });
  return chains;
});

function describe(issue: z.core.$ZodIssue): string {
  const [index, ...rest] = issue.path;
  const at =
    index === undefined ? "" : `chain ${Number(index) + 1}${rest.length > 0 ? `, ${rest.join(".")}` : ""}: `;
  return `${at}${issue.message}`;
}

/** What two chains may not share: the id and name that identify them, the partition that holds their ledger. */
export function clashes(chains: readonly Chain[]): readonly string[] {
  const problems: string[] = [];
  for (const field of ["id", "name", "ledgerPartition"] as const) {
    const owners = new Map<unknown, string>();
    for (const chain of chains) {
      const owner = owners.get(chain[field]);
      if (owner === undefined) owners.set(chain[field], chain.name);
      else problems.push(`${owner} and ${chain.name} share ${field} ${chain[field]}`);
    }
  }
  return problems;
}
