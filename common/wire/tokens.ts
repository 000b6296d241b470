/** The grammar that all lines share: tokens separated by one space, then `key=value` attributes, then replies `OK …` and `ERR …`. */
import { ShoalError, WIRE_CODES, type WireCode } from '../core/errors.js';

/** Control characters, and marks that reorder or hide text on a terminal. */
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u061c\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

function refuse(why: string): never {
  throw new ShoalError('BAD_REQUEST', 'remote', why);
}

/**
 * The tokens of a line. Throws `BAD_REQUEST` for a control character, or for two spaces in a row and spaces at an end, which some
 * readers would take for an empty token and others would not.
 */
export function splitTokens(line: string): string[] {
  if (/[\u0000-\u001f\u007f]/.test(line)) return refuse('A line holds no control characters; percent-encode them in names.');
  // Several times faster than `split`, which leaves compiled code; a tracker does this for every request.
  const tokens: string[] = [];
  for (let from = 0; ; ) {
    const space = line.indexOf(' ', from);
    const end = space < 0 ? line.length : space;
    if (end === from) return refuse('Tokens are separated by one space; percent-encode spaces in names as %20.');
    tokens.push(line.slice(from, end));
    if (space < 0) return tokens;
    from = space + 1;
  }
}

/** `key=value` tokens. */
export interface Attributes {
  /** The value of a key, the first where it is repeated; `undefined` where it is not there. */
  get(key: string): string | undefined;
}

/** The `key=value` tokens from a place on. Throws `BAD_REQUEST` for a token without `=`. */
export function parseAttributes(tokens: readonly string[], fromIndex = 0): Attributes {
  for (let at = fromIndex; at < tokens.length; at += 1) {
    const token = tokens[at] ?? '';
    if (token.indexOf('=') <= 0) refuse(`Unexpected "${token.slice(0, 40)}"; only key=value may follow here.`);
  }
  return new TokenAttributes(tokens, fromIndex);
}

/** Looked through for each key: lines have a few attributes, and a map of them would cost more than all else that is read of a line. */
class TokenAttributes implements Attributes {
  readonly #tokens: readonly string[];
  readonly #fromIndex: number;

  constructor(tokens: readonly string[], fromIndex: number) {
    this.#tokens = tokens;
    this.#fromIndex = fromIndex;
  }

  get(key: string): string | undefined {
    for (let at = this.#fromIndex; at < this.#tokens.length; at += 1) {
      const token = this.#tokens[at] ?? '';
      if (token.charCodeAt(key.length) === EQUALS && token.startsWith(key)) return token.slice(key.length + 1);
    }
    return undefined;
  }
}

const EQUALS = 0x3d;

/** A decimal number without sign or leading zero, at most `max`; `undefined` otherwise. */
export function parseCount(text: string, max: number): number | undefined {
  if (!/^(0|[1-9][0-9]{0,15})$/.test(text)) return undefined;
  const value = Number(text);
  return value <= max ? value : undefined;
}

/** A file size in bytes. Throws `BAD_REQUEST`. */
export function parseFileSize(text: string): number {
  return parseCount(text, Number.MAX_SAFE_INTEGER) ?? refuse('A file size is a decimal number of bytes, at most 2^53 - 1.');
}

/**
 * `ERR <CODE> <text>\n`. Control characters and marks that reorder text become `?`, since the text may quote what a stranger sent; it is
 * cut to what a line can hold.
 */
export function formatErr(code: WireCode, text: string): string {
  return `ERR ${code} ${text.replace(UNPRINTABLE, '?').slice(0, 400)}\n`;
}

/** The error that a line `ERR <CODE> <text>` stands for, or `undefined` where the line is no error. An unknown code is `INTERNAL`. */
export function parseErr(line: string): ShoalError | undefined {
  const match = /^ERR ([A-Z_]{1,32})(?: (.*))?$/s.exec(line);
  if (match === null) return undefined;
  const code = WIRE_CODES.find((known) => known === match[1]) ?? 'INTERNAL';
  return new ShoalError(code, 'remote', printable(match[2] || code));
}

/** Text from elsewhere made safe for a terminal and a log: control and direction marks escaped, at most 300 characters. */
export function printable(text: string): string {
  return escaped(text.slice(0, 300));
}

/** As `printable`, of any length: for what a command says last, which may quote a link that a stranger wrote. */
export function escaped(text: string): string {
  return text.replace(UNPRINTABLE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
