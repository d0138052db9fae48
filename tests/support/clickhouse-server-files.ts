import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ours = fileURLToPath(new URL("../../infra/clickhouse/", import.meta.url));
const own = ["config.d/ethhook.xml", "config.d/kafka-brokers.xml", "users.d/ethhook.xml"] as const;

/** Users of a server that is not ours: its own, one that may use named collections, and one that may not. */
const users = `<clickhouse>
  <profiles><default/></profiles>
  <quotas><default/></quotas>
  <users>
    ${user("default", "", "")}
    ${user("ethhook", "migrates", "<named_collection_control>1</named_collection_control>")}
    ${user("plain", "migrates-too", "")}
  </users>
</clickhouse>`;

function user(name: string, password: string, more: string): string {
  return `<${name}><password>${password}</password><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota>
    <access_management>1</access_management>${more}</${name}>`;
}

/**
 * Lays our configuration files out as on a real server, beside files that such a server has: `config.xml`, `users.xml` and their
 * folders. @returns the path of `config.xml`.
 */
export async function layServerFiles(folder: string): Promise<string> {
  for (const name of ["config.d", "users.d"]) await mkdir(join(folder, name), { recursive: true });
  for (const file of own) await copyFile(join(ours, file), join(folder, file));
  await writeFile(join(folder, "users.xml"), users);
  const config = join(folder, "config.xml");
  const directory = `<users_xml><path>${join(folder, "users.xml")}</path></users_xml>`;
  await writeFile(config, `<clickhouse><user_directories>${directory}</user_directories></clickhouse>`);
  return config;
}
