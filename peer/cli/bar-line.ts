/**
 * One line of progress, as wide as the terminal at most. Pure.
 *
 * Invariant: percent, rate, remaining time and note are shown before the bar, and the bar before more than the beginning of the name.
 */

const BAR_MAX_COLUMNS = 24;
const BAR_MIN_COLUMNS = 6;
/** A name is not cut below this while there is a bar that could be shorter. */
const NAME_MIN_COLUMNS = 10;

export interface BarParts {
  readonly name: string;
  /** From 0 to 1. */
  readonly fraction: number;
  readonly text: string;
}

export function barLine({ name, fraction, text }: BarParts, columns: number): string {
  // The last column stays free: a character there makes some terminals begin a new line. Two spaces stand between the three parts.
  const room = columns - 1 - columnsOf(text) - 2;
  const nameWanted = columnsOf(name);
  const nameLeast = Math.min(nameWanted, NAME_MIN_COLUMNS);
  const barColumns = Math.max(Math.min(BAR_MAX_COLUMNS, room - nameWanted - 2), Math.min(BAR_MIN_COLUMNS, room - nameLeast - 2));
  const hasBar = barColumns >= BAR_MIN_COLUMNS;
  const shown = shorten(name, hasBar ? room - barColumns - 2 : room + 1);
  const bar = hasBar ? `[${cells(fraction, barColumns)}]` : '';
  return shorten([shown, bar, text].filter((part) => part !== '').join(' '), columns - 1);
}

function cells(fraction: number, columns: number): string {
  const full = Math.round(Math.min(1, Math.max(0, fraction)) * columns);
  return '■'.repeat(full) + ' '.repeat(columns - full);
}

/** As much of `text` as fits, with an ellipsis where something is left out. */
function shorten(text: string, columns: number): string {
  if (columnsOf(text) <= columns) return text;
  let short = '';
  let left = columns - 1;
  for (const character of text) {
    left -= columnsOf(character);
    if (left < 0) break;
    short += character;
  }
  return columns < 1 ? '' : `${short}…`;
}

/** Columns that a terminal gives to `text`: two for East Asian letters and pictures, none for what combines with the letter before. */
function columnsOf(text: string): number {
  let columns = 0;
  for (const character of text) {
    if (/\p{M}|\p{Cf}/u.test(character)) continue;
    columns +=
      /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u.test(
        character,
      )
        ? 2
        : 1;
  }
  return columns;
}
