/** Aligned columns of text, no wider than the terminal. */
import { printable } from '../../common/wire/tokens.js';

export type Row = readonly string[];

/** Columns that are shortened keep at least so many characters. */
const SHORTENED_MIN_CHARS = 12;

/** Lines without the last LF, two spaces between columns; `sides` says of each whether it goes left or right. */
export function columns(rows: readonly Row[], sides: string): string {
  const widths = [...sides].map((_, at) => Math.max(...rows.map((row) => widthOf(row[at] ?? ''))));
  const cell = (text: string, at: number) => {
    const padding = ' '.repeat(Math.max(0, (widths[at] ?? 0) - widthOf(text)));
    return sides[at] === 'r' ? padding + text : text + padding;
  };
  return rows.map((row) => row.map(cell).join('  ').trimEnd()).join('\n');
}

/**
 * As `columns`, with text from elsewhere made safe, and the first column shortened at its end where a line would be wider than `maxWidth`
 * characters; `undefined` where nobody looks at the width.
 */
export function table(rows: readonly Row[], sides: string, maxWidth: number | undefined): string {
  const safe = rows.map((row) => row.map(printable));
  if (maxWidth === undefined) return columns(safe, sides);
  const restWidth = [...sides]
    .slice(1)
    .reduce((sum, _, at) => sum + 2 + Math.max(...safe.map((row) => widthOf(row[at + 1] ?? ''))), 0);
  const firstWidth = Math.max(SHORTENED_MIN_CHARS, maxWidth - restWidth);
  return columns(
    safe.map(([first = '', ...rest]) => [shortened(first, firstWidth), ...rest]),
    sides,
  );
}

/** The width of the terminal that standard output is; `undefined` where it is none. */
export function outputWidth(): number | undefined {
  return process.stdout.isTTY && process.stdout.columns > 0 ? process.stdout.columns : undefined;
}

function shortened(text: string, maxWidth: number): string {
  if (widthOf(text) <= maxWidth) return text;
  let width = 0;
  let kept = '';
  for (const char of text) {
    width += widthOf(char);
    if (width > maxWidth - 1) break;
    kept += char;
  }
  return `${kept}…`;
}

/** First and last code points of what takes two places on a terminal: East Asian letters, full forms, most pictures. */
const WIDE: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x2e80, 0xa4cf],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x1f300, 0x1faff],
  [0x20000, 0x3fffd],
];

/** Places that a text takes on a terminal; what is put over another letter takes none. */
function widthOf(text: string): number {
  let width = 0;
  for (const char of text) {
    const code = char.codePointAt(0) ?? 0;
    if (/^[\p{Mn}\p{Me}\p{Cf}]$/u.test(char)) continue;
    width += WIDE.some(([first, last]) => code >= first && code <= last) ? 2 : 1;
  }
  return width;
}
