/** A table; bars in cells are escaped, absent cells are empty. */
export function table(head: readonly string[], rows: readonly (readonly (string | undefined)[])[]): string {
  const line = (cells: readonly (string | undefined)[]) =>
    `| ${cells.map((cell) => (cell ?? "").replaceAll("|", "\\|").replaceAll("\n", " ")).join(" | ")} |`;
  return [line(head), `|${head.map(() => "---").join("|")}|`, ...rows.map(line)].join("\n");
}

/** A document that is made from `source`, and says so. */
export function document(title: string, source: string, sections: readonly string[]): string {
  const note = `<!-- Made by \`npm run docs\` from ${source}. A test fails when it is stale. -->`;
  return `${[`# ${title}`, note, ...sections].join("\n\n")}\n`;
}

export const code = (text: string): string => `\`${text}\``;
