/** What a document claims to exist, by kind. Each is a thing that somebody would look for. */
export interface Claims {
  /** Paths of files and folders, from the root of the repository. */
  readonly paths: readonly string[];
  readonly topics: readonly string[];
  readonly metrics: readonly string[];
  /** Names of `npm run` scripts. */
  readonly scripts: readonly string[];
  readonly errors: readonly string[];
}

const isPath = (text: string) =>
  /^(?:\.\/)?(?:infra|schemas|scripts|services|tests|topology)\/[\w./-]+$/.test(text) ||
  /^[A-Z]+\.md$/.test(text);
const isTopic = (text: string) =>
  /^(?:blocks|attempts|deliveries|deliveries\.[a-z]+|logs\.[a-z]+)$/.test(text);
const isMetric = (text: string) => /^(?:ethhook|pipeline)_[a-z0-9_]+_[a-z]+$/.test(text);
const isError = (text: string) => /^[A-Z]+_[A-Z_]+$/.test(text);

/**
 * Reads the claims of a Markdown text: what stands in `code` or is the target of a link. A pattern (`logs.<chain>`,
 * `src/*.ts`) claims nothing.
 * @param isVariable whether a word in capitals is a setting, and so not an error code.
 */
export function claimsOf(markdown: string, isVariable: (name: string) => boolean): Claims {
  const prose = markdown.replaceAll(/^```[\s\S]*?^```/gm, "");
  const spans = [...prose.matchAll(/`([^`\n]+)`/g)].map(([, text = ""]) => text);
  const links = [...prose.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)]
    .map(([, target = ""]) => target)
    .filter((target) => !/^[a-z]+:/.test(target));
  const scripts = [...markdown.matchAll(/npm run ([a-z][a-z:-]*)/g)].map(([, name = ""]) => name);
  return {
    paths: [...links, ...spans.filter(isPath)].map((path) => path.replace(/^\.\//, "")),
    topics: spans.filter(isTopic),
    metrics: spans.filter(isMetric),
    scripts,
    errors: spans.filter((text) => isError(text) && !isVariable(text)),
  };
}
