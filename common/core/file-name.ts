/**
 * Names of contents: `name` or `folder/part/name`, in NFC, safe to join to a folder and safe to print in a line.
 *
 * `parseFileName` is the one door: what it returns has no empty, `.` or `..` part, no control character, no backslash, and fits
 * every usual file system. On the wire a name is percent-encoded, so that it is one token.
 */
import { ShoalError } from './errors.js';
import { NAME_MAX_BYTES, NAME_PART_MAX_BYTES } from './limits.js';

declare const brand: unique symbol;
export type FileName = string & { readonly [brand]: 'FileName' };

/**
 * Characters that no name may hold: control characters, the backslash, the marks that reorder or hide text on a terminal,
 * and lone surrogates (which are not UTF-8).
 */
const FORBIDDEN = /[\u0000-\u001f\u007f-\u009f\\\u061c\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]|\p{Cs}/u;

const encoder = new TextEncoder();
const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function refuse(why: string): never {
  throw new ShoalError('BAD_REQUEST', 'remote', `Bad file name: ${why}.`);
}

/** ASCII without what no name may hold: it needs no look at marks, surrogates and normalization forms. Nearly every name. */
const PLAIN = /^[ -[\]-~]*$/;

const BAD_PART = /(?:^|\/)\.{0,2}(?:\/|$)/;

/** Checks a decoded name. Throws `BAD_REQUEST`. */
export function parseFileName(text: string): FileName {
  if (text === '') refuse('it is empty');
  if (isLongerThan(text, NAME_MAX_BYTES)) refuse(`it is longer than ${NAME_MAX_BYTES} bytes`);
  if (!PLAIN.test(text)) {
    if (FORBIDDEN.test(text)) refuse('it holds a control character, a backslash or an invisible mark');
    if (text.normalize('NFC') !== text) refuse('it is not in Unicode normalization form C');
  }
  if (BAD_PART.test(text)) refuse('a part of it is empty, "." or ".."');
  if (isLongerThan(text, NAME_PART_MAX_BYTES) && text.split('/').some((part) => isLongerThan(part, NAME_PART_MAX_BYTES))) {
    refuse(`a part of it is longer than ${NAME_PART_MAX_BYTES} bytes`);
  }
  return text as FileName;
}

/** Whether a text has more bytes in UTF-8. A UTF-16 unit has three at most, so that most texts need not be counted. */
function isLongerThan(text: string, maxBytes: number): boolean {
  return text.length > maxBytes || (3 * text.length > maxBytes && Buffer.byteLength(text) > maxBytes);
}

/** The name under which a local path part is shared: NFC, then checked. Throws `BAD_REQUEST`. */
export function fileNameOf(localName: string): FileName {
  return parseFileName(localName.normalize('NFC'));
}

/** The last part of a name. */
export function baseName(name: FileName): string {
  return name.slice(name.lastIndexOf('/') + 1);
}

/**
 * A text as one token of a line: `%`, a leading `@` and every white space percent-encoded. Only the space must be, but many languages
 * split a line at the no-break and ideographic spaces too, and their readers must see one token as well.
 */
export function encodeToken(text: string): string {
  const escaped = text.replace(/[\s%]/gu, (char) => (char === '%' ? '%25' : encodeURIComponent(char)));
  return escaped.startsWith('@') ? `%40${escaped.slice(1)}` : escaped;
}

/** The text that a token stands for. Throws `BAD_REQUEST` for a bad escape, and for bytes that are not UTF-8. */
export function decodeToken(token: string): string {
  if (!token.includes('%')) return token;
  const bytes: number[] = [];
  const raw = encoder.encode(token);
  for (let at = 0; at < raw.length; at += 1) {
    const byte = raw[at] ?? 0;
    if (byte !== 0x25) {
      bytes.push(byte);
      continue;
    }
    const hex = String.fromCharCode(raw[at + 1] ?? 0, raw[at + 2] ?? 0);
    if (!/^[0-9a-fA-F]{2}$/.test(hex)) refuse('a "%" is not followed by two hex digits');
    bytes.push(Number.parseInt(hex, 16));
    at += 2;
  }
  try {
    return strictDecoder.decode(Uint8Array.from(bytes));
  } catch {
    return refuse('it is not UTF-8');
  }
}

/** A name as a token. */
export function encodeFileName(name: FileName): string {
  return encodeToken(name);
}

/**
 * The name that a token stands for. Throws `BAD_REQUEST` for a token that does not decode, a bad name, or a bare `@` in front, which is
 * a root where both may stand: REGISTER must not take what LOOKUP could never find.
 */
export function decodeFileName(token: string): FileName {
  if (token.startsWith('@')) refuse('a leading "@" must be written %40');
  return parseFileName(decodeToken(token));
}
