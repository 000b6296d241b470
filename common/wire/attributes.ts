/**
 * What `key=value` may hold: one kind for each sort of value, shared by requests, rows and replies.
 *
 * A request with a bad value is refused; of a row, or of a reply, a bad value is left out as if it were not there.
 */
import { ShoalError } from '../core/errors.js';
import { CHUNKS_MAX_COUNT } from '../core/limits.js';
import { parsePort } from '../core/peer-address.js';
import { type ContentRoot, isContentRoot } from '../core/root.js';
import { type Attributes, parseCount } from './tokens.js';

interface AttributeKind<T> {
  /** The value that a text stands for, or `undefined` where it is none. */
  read(text: string): T | undefined;
  /** What the value is, for who wrote another. */
  readonly rule: string;
}

export function countUpTo(max: number, min = 0): AttributeKind<number> {
  const read = (text: string): number | undefined => {
    const count = parseCount(text, max);
    return count === undefined || count < min ? undefined : count;
  };
  return { read, rule: `a number from ${min} to ${max}` };
}

function textLike(pattern: RegExp, rule: string): AttributeKind<string> {
  return { read: (text) => (pattern.test(text) ? text : undefined), rule };
}

export const LOAD = countUpTo(100);
export const CHUNK_COUNT = countUpTo(CHUNKS_MAX_COUNT);
export const ANY_COUNT = countUpTo(Number.MAX_SAFE_INTEGER);
export const MEDIA_TYPE = textLike(/^[\w!#$&^.+-]{1,127}\/[\w!#$&^.+-]{1,127}$/, 'a type as text/plain is one');
export const CHECKSUM = textLike(/^[a-z0-9-]{1,16}:[0-9a-f]{8,128}$/, 'an algorithm, a colon and lower-case hex digits');
export const LABEL = textLike(/^[A-Za-z0-9._-]{1,64}$/, '1 to 64 letters, digits, dots, dashes and underscores');
export const CURSOR = textLike(/^[0-9A-Za-z.-]{1,64}$/, 'what a page gave as next=');
export const PORT: AttributeKind<number> = { read: parsePort, rule: 'a number from 1 to 65535' };
export const PROCESS_ID = textLike(/^[0-9a-f]{16}$/, '16 lower-case hex digits');
export const ROOT: AttributeKind<ContentRoot> = {
  read: (text) => (isContentRoot(text) ? text : undefined),
  rule: '64 lower-case hex digits',
};

/** The value of a key in a request, or `undefined` where the key is not there. Throws `BAD_REQUEST`. */
export function attribute<T>(attributes: Attributes, key: string, kind: AttributeKind<T>): T | undefined {
  const text = attributes.get(key);
  if (text === undefined) return undefined;
  const value = kind.read(text);
  if (value === undefined) throw new ShoalError('BAD_REQUEST', 'remote', `${key} is ${kind.rule}.`);
  return value;
}

/** The value of a key in a row or a reply, or `undefined` where it is not there or makes no sense. */
export function attributeMaybe<T>(attributes: Attributes, key: string, kind: AttributeKind<T>): T | undefined {
  const text = attributes.get(key);
  return text === undefined ? undefined : kind.read(text);
}

/** ` key=value` for each value that is there, in the order of the keys. */
export function formatAttributes(values: Readonly<Record<string, string | number | undefined>>): string {
  let text = '';
  for (const key in values) if (values[key] !== undefined) text += ` ${key}=${values[key]}`;
  return text;
}
