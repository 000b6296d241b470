/** The pages of a list, one after the other, until its end or until there is enough. Whoever gives them may never come to an end. */
import { PAGE_ROWS_MAX_COUNT } from '../../common/core/limits.js';
import type { Page } from '../../common/wire/peer-documents.js';

/** Pages without a row that are passed over: ten times as many as the rarest search of a million long names has on its way. */
export const EMPTY_PAGES_MAX_COUNT = 10_000;

/** Asks for a page of `maxCount` rows at the most; it begins where `after` says. */
export type AskPage<Row> = (page: { readonly maxCount: number; readonly after?: string }) => Promise<Page<Row>>;

export interface Walk<Row> {
  readonly rows: readonly Row[];
  /** There are more, or may be. */
  readonly isCut: boolean;
}

/** At most `maxCount` rows. Throws as `ask`. */
export async function walkPages<Row>(ask: AskPage<Row>, maxCount: number): Promise<Walk<Row>> {
  const rows: Row[] = [];
  const seen = new Set<string>();
  let emptyCount = 0;
  for (let after: string | undefined; ; ) {
    const askCount = Math.min(maxCount - rows.length, PAGE_ROWS_MAX_COUNT);
    const page = await ask({ maxCount: askCount, ...(after === undefined ? {} : { after }) });
    rows.push(...page.rows.slice(0, askCount));
    if (page.next === undefined) return { rows, isCut: page.rows.length > askCount };
    if (page.rows.length === 0) emptyCount += 1;
    // One that leads back to where it was would never end, nor would always new ones to pages without rows.
    if (rows.length >= maxCount || seen.has(page.next) || emptyCount >= EMPTY_PAGES_MAX_COUNT) return { rows, isCut: true };
    seen.add(page.next);
    after = page.next;
  }
}
