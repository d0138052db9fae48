import { createHash } from "node:crypto";
import { migratePostgres } from "@ethhook/scripts/migrate";
import { id } from "ethers";
import pg from "pg";

/** What the benchmark's endpoints listen to. */
export interface MatchFilters {
  readonly endpoints: number;
  /** Contracts of the logs that a few endpoints listen to; null for an endpoint that wants every log. */
  readonly matching: readonly string[] | null;
  readonly listAddresses: number;
}

const transfer = "Transfer(address indexed from, address indexed to, uint256 value)";
/** Above every transfer of the recorded blocks: each of them is read and refused. */
const neverReached = (10n ** 60n).toString();
const userId = "usr_bench";
const listCount = 2;

/** An address that no log has, the same on each run. */
export function absentAddress(n: number): string {
  return `0x${createHash("sha256").update(`address ${n}`).digest("hex").slice(0, 40)}`;
}

/** Endpoints as the issue describes them: a tenth with conditions, 100 wildcards by first topic, some on lists. */
export function filtersOf({ endpoints, matching }: Pick<MatchFilters, "endpoints" | "matching">): unknown[] {
  const filters = Array.from({ length: endpoints }, (_, index): unknown => {
    const addresses = [absentAddress(index)];
    if (index < 50) return { event: transfer, where: { value: { gte: neverReached } } };
    if (index < 100) return { topics: [`0x${createHash("sha256").update(`topic ${index}`).digest("hex")}`] };
    if (index < 120) return { addresses: { list: `list-${index % listCount}` } };
    if (index < endpoints / 10) return { addresses, event: transfer, where: { value: { gte: "1000000" } } };
    return { addresses };
  });
  if (matching === null) filters.push({});
  else filters.push(...matching.map((address) => ({ addresses: [address] })));
  return filters;
}

/** A database of its own with these filters. @returns its URL. */
export async function createFilterDatabase(
  serverUrl: string,
  name: string,
  filters: MatchFilters,
): Promise<string> {
  await query(serverUrl, `CREATE DATABASE ${name}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  await migratePostgres(url.href);
  const all = filtersOf(filters);
  await query(url.href, "INSERT INTO users (id, email) VALUES ($1, 'bench@example.com')", [userId]);
  await query(
    url.href,
    `INSERT INTO filter_versions (version, endpoint_id, application_id, user_id, subscription)
     SELECT n, 'ep_' || n, 'app_bench', $1, jsonb_build_object('filter', filter, 'finality', 'latest', 'format', 'standard', 'sendRemoved', true)
     FROM unnest($2::jsonb[]) WITH ORDINALITY AS filters (filter, n)`,
    [userId, all.map((filter) => JSON.stringify(filter))],
  );
  await query(url.href, "UPDATE filter_head SET version = $1", [all.length]);
  for (let list = 0; list < listCount; list += 1) {
    const addresses = Array.from({ length: filters.listAddresses }, (_, index) =>
      Buffer.from(absentAddress((list + 1) * 10_000_000 + index).slice(2), "hex"),
    );
    await query(url.href, "SELECT change_address_list($1, $2, $3, '{}')", [
      userId,
      `list-${list}`,
      addresses,
    ]);
  }
  await createOldTable(url.href);
  await query(url.href, "VACUUM ANALYZE");
  return url.href;
}

/** What the old design would look an event up in: a row for each endpoint and contract, or first topic, or list. */
async function createOldTable(url: string): Promise<void> {
  await query(
    url,
    `CREATE TABLE old_filters AS
     SELECT endpoint_id, address, filter -> 'where' AS conditions,
       CASE WHEN filter ? 'event' THEN $1 ELSE filter #>> '{topics,0}' END AS topic0,
       (SELECT id FROM address_lists WHERE name = filter #>> '{addresses,list}') AS list_id
     FROM (SELECT endpoint_id, subscription -> 'filter' AS filter FROM filter_versions) AS one
     LEFT JOIN LATERAL jsonb_array_elements_text(CASE jsonb_typeof(filter -> 'addresses') WHEN 'array' THEN filter -> 'addresses' END) AS address ON true`,
    [id("Transfer(address,address,uint256)")],
  );
  await query(url, "CREATE INDEX ON old_filters (address)");
  await query(url, "CREATE INDEX ON old_filters (topic0) WHERE address IS NULL AND list_id IS NULL");
  await query(url, "CREATE INDEX ON old_filters (list_id) WHERE list_id IS NOT NULL");
  await query(url, "CREATE INDEX ON address_list_entries (address)");
}

async function query(url: string, text: string, values: unknown[] = []): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(text, values);
  } finally {
    await client.end();
  }
}
