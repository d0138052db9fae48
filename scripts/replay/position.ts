/** A place in a topic, as a person names it. */
export type Position =
  | { readonly kind: "time"; readonly ms: number }
  | { readonly kind: "offset"; readonly offset: number }
  | { readonly kind: "block"; readonly number: number }
  | { readonly kind: "begin" }
  | { readonly kind: "end" };

const units: Readonly<Record<string, number>> = {
  s: 1_000,
  min: 60_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

export const positionHelp =
  "a time (2026-11-20T10:00Z, -90min, -2h, -3d), block:18000000, offset:1234 (with --partition), begin, end";

/**
 * Reads `2026-11-20T10:00Z`, `-2h`, `block:18000000`, `offset:1234`, `begin`, `end`.
 * @throws RangeError with a sentence for anything else.
 */
export function parsePosition(text: string, nowMs: number): Position {
  if (text === "begin") return { kind: "begin" };
  if (text === "end" || text === "now") return { kind: "end" };
  const numbered = /^(block|offset):(\d+)$/.exec(text);
  if (numbered !== null) {
    const value = Number(numbered[2]);
    return numbered[1] === "block" ? { kind: "block", number: value } : { kind: "offset", offset: value };
  }
  const ago = /^-(\d+)\s*([a-z]+)$/.exec(text);
  const unit = units[ago?.[2] ?? ""];
  if (ago !== null && unit !== undefined) return { kind: "time", ms: nowMs - Number(ago[1]) * unit };
  // A date without a year-month-day would be guessed at by Date.parse.
  const ms = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(zoned(text)) : Number.NaN;
  if (Number.isNaN(ms)) throw new RangeError(`“${text}” is no position: expected ${positionHelp}`);
  return { kind: "time", ms };
}

/** Times without a zone are UTC, as everywhere in this product. */
function zoned(text: string): string {
  if (/(Z|[+-]\d{2}:?\d{2})$/.test(text) || !text.includes(":")) return text;
  return `${text.replace(" ", "T")}Z`;
}
