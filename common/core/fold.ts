/** What a search looks for, and how it compares. */
import { ShoalError } from './errors.js';
import { SEARCH_TEXT_MAX_BYTES } from './limits.js';

/**
 * Text as a search compares it: Unicode normalization form C, lower case, and the Greek final sigma as any other.
 *
 * Lower case alone knows where a word ends and writes its last Σ as ς, so that a word would not be found by its beginning. Nothing else
 * is folded: `ß` is not `ss`, and an accent counts. The result may be longer than the text, and folding it again changes nothing.
 */
export function fold(text: string): string {
  // Nearly every name; normalizing costs more than everything else here.
  if (/^[\u0000-\u007f]*$/.test(text)) return text.toLowerCase();
  return text.normalize('NFC').toLowerCase().replaceAll('ς', 'σ').normalize('NFC');
}

/** Checks what is searched for: any text of 1 to SEARCH_TEXT_MAX_BYTES bytes without control characters. Throws `BAD_REQUEST`. */
export function parseSearchText(text: string): string {
  const isBad =
    text === '' || Buffer.byteLength(text) > SEARCH_TEXT_MAX_BYTES || /[\u0000-\u001f\u007f-\u009f]|\p{Cs}/u.test(text);
  if (!isBad) return text;
  throw new ShoalError(
    'BAD_REQUEST',
    'remote',
    `A search is for 1 to ${SEARCH_TEXT_MAX_BYTES} bytes of text without control characters.`,
  );
}
