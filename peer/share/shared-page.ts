/**
 * What is shared, a page at a time. A cursor is the place of the last content that was looked at, so contents may come and go between
 * two pages: whatever is there all the while comes exactly once.
 */
import { ShoalError } from '../../common/core/errors.js';
import { PAGE_MAX_BYTES, PAGE_ROWS_DEFAULT_COUNT } from '../../common/core/limits.js';
import { formatSharedPage, formatSharedRow } from '../../common/wire/peer-documents.js';
import type { PageRequest } from '../../common/wire/peer-lines.js';
import { parseCount } from '../../common/wire/tokens.js';
import { heldCount } from './holding.js';
import type { ShareIndex } from './share-index.js';
import type { SharedContent } from './shared-content.js';

/** Bytes that the line before the rows has at most. */
const HEAD_BYTES = 128;

/** The body that answers LIST, at most PAGE_MAX_BYTES of it. Throws `BAD_REQUEST` for a cursor that was never given. */
export function sharedPage(index: Pick<ShareIndex, 'from'>, page: PageRequest): string {
  const maxCount = page.maxCount ?? PAGE_ROWS_DEFAULT_COUNT;
  const rows: string[] = [];
  let [leftBytes, lastPlace] = [PAGE_MAX_BYTES - HEAD_BYTES, 0];
  for (const { place, content } of index.from(firstPlace(page.after))) {
    const row = formatSharedRow(rowOf(content));
    leftBytes -= Buffer.byteLength(row);
    // Only where there is another one is there another page.
    if (rows.length === maxCount || leftBytes < 0) return formatSharedPage(rows, String(lastPlace));
    rows.push(row);
    lastPlace = place;
  }
  return formatSharedPage(rows, undefined);
}

function firstPlace(after: string | undefined): number {
  if (after === undefined) return 0;
  const place = parseCount(after, Number.MAX_SAFE_INTEGER - 1);
  if (place === undefined) throw new ShoalError('BAD_REQUEST', 'remote', 'after is what the page before gave as next.');
  return place + 1;
}

function rowOf({ name, root, manifest: { sizeBytes, type }, holding }: SharedContent) {
  const haveChunks = heldCount(holding);
  return {
    name,
    sizeBytes,
    root,
    ...(haveChunks === holding.chunkCount ? {} : { haveChunks }),
    ...(type === undefined ? {} : { type }),
  };
}
