import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parse, type CollectionTag } from "yaml";

export interface ComposeService {
  readonly image?: string;
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly command?: readonly string[];
  readonly container_name?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly healthcheck?: { readonly test?: unknown; readonly disable?: boolean };
  readonly ports?: readonly string[];
  readonly restart?: string;
  readonly volumes?: readonly string[];
}

export interface ComposeFile {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

/** `!override` is Compose's own tag: the list replaces that of the file before instead of extending it. */
const override: CollectionTag = { tag: "!override", collection: "seq", resolve: (value) => value };

/** A compose file of `infra/`, with its anchors resolved and its variables as they stand. */
export function readCompose(name: string): ComposeFile {
  const path = fileURLToPath(new URL(`../../infra/${name}`, import.meta.url));
  return parse(readFileSync(path, "utf8"), { merge: true, customTags: [override] }) as ComposeFile;
}
