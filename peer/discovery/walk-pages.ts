/**
 * A list that comes in pages, of a tracker or a peer that may lie: it ends where the other side says so, where there are rows enough, or
 * where the pages lead nowhere. Pure.
 */
import { PAGE_ROWS_MAX_COUNT } from '../../common/core/limits.js';
import type { Page } from '../../common/wire/peer-documents.js';

/** Pages without a row that a list is followed over: ten times as many as the rarest search of a million long names has. */
export const EMPTY_PAGES_MAX_COUNT = 10_000;

/** What a page is asked for; it begins where `after` says. */
export interface PageRequest {
  readonly maxCount: number;
  readonly after?: string;
}

export interface WalkedRows<Row> {
  readonly rows: readonly Row[];
  /** There may be more than these. */
  readonly isCut: boolean;
}

/** At most `maxCount` rows; none where there are none. Throws what `ask` throws. */
export async function walkPages<Row>(ask: (page: PageRequest) => Promise<Page<Row>>, maxCount: number): Promise<WalkedRows<Row>> {
  const rows: Row[] = [];
  const seen = new Set<string>();
  let emptyCount = 0;
  for (let after: string | undefined; ; ) {
    const askCount = Math.min(maxCount - rows.length, PAGE_ROWS_MAX_COUNT);
    const page = await ask({ maxCount: askCount, ...(after === undefined ? {} : { after }) });
    rows.push(...page.rows.slice(0, askCount));
    if (page.next === undefined) return { rows, isCut: page.rows.length > askCount };
    if (page.rows.length === 0) emptyCount += 1;
    // A cursor that leads back to where it was would never end, nor would always new ones to pages without rows.
    if (rows.length >= maxCount || seen.has(page.next) || emptyCount >= EMPTY_PAGES_MAX_COUNT) return { rows, isCut: true };
    seen.add(page.next);
    after = page.next;
  }
}
