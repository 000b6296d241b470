/** Replies that count their rows: as many rows as there is room for. Pure. */
import { formatPageHead } from '../common/wire/tracker-replies.js';

/** How long a reply may be, in bytes. */
export interface ReplyRoom {
  readonly maxBytes: number;
}

/** What a part of a list looks like before it is written. */
interface PageOf<Row> {
  readonly rows: readonly Row[];
  readonly next?: string | undefined;
}

/** `OK <n>` and the first rows, as many as fit; the others are left out. */
export function replyOfRows<Row>(rows: readonly Row[], room: ReplyRoom, format: (row: Row) => string): string {
  const { text, rowCount } = fitting(rows, room, format);
  return `${formatPageHead({ rowCount, next: undefined })}${text}`;
}

/**
 * A page of a list. `ask` gives the first rows after some place, at most as many as it is told, and the cursor behind the last of them.
 * Where not all of them fit, it is asked again for those that do, so that the next page begins at the first that did not. One row that
 * is too long even alone is passed over: whoever walks the pages must get to the end.
 */
export function replyOfPage<Row>(
  ask: (maxCount: number) => PageOf<Row>,
  maxCount: number,
  room: ReplyRoom,
  format: (row: Row) => string,
): string {
  for (let count = maxCount; ; ) {
    const { rows, next } = ask(count);
    const { text, rowCount } = fitting(rows, room, format);
    if (rowCount === rows.length || count === 1) return `${formatPageHead({ rowCount, next })}${text}`;
    count = Math.max(1, rowCount);
  }
}

/** Bytes of the longest first line: `OK`, four digits and a cursor of 64 characters. */
const HEAD_MAX_BYTES = 80;

function fitting<Row>(
  rows: readonly Row[],
  { maxBytes }: ReplyRoom,
  format: (row: Row) => string,
): { readonly text: string; readonly rowCount: number } {
  let text = '';
  let leftBytes = maxBytes - HEAD_MAX_BYTES;
  let rowCount = 0;
  for (const row of rows) {
    const line = format(row);
    leftBytes -= Buffer.byteLength(line);
    if (leftBytes < 0) break;
    text += line;
    rowCount += 1;
  }
  return { text, rowCount };
}
