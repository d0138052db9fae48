import type { Page } from "./ports.ts";

/** The same for a list whose items are their own ids. */
export async function pageOfTexts(
  page: Page,
  read: (page: Page) => Promise<readonly string[] | null>,
): Promise<{ items: string[]; next: string | null } | null> {
  const found = await read({ ...page, limit: page.limit + 1 });
  if (found === null) return null;
  const items = found.slice(0, page.limit);
  return { items, next: found.length > items.length ? (items.at(-1) ?? null) : null };
}

/** One page and the way to the next: asks for one item more than is shown, to know whether there is a next. */
export async function pageOf<P extends Page, T extends { readonly id: string }>(
  query: P,
  read: (page: P) => Promise<readonly T[]>,
): Promise<{ items: T[]; next: string | null }> {
  const found = await read({ ...query, limit: query.limit + 1 });
  const items = found.slice(0, query.limit);
  return { items, next: found.length > items.length ? (items.at(-1)?.id ?? null) : null };
}
