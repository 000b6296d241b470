/** The values of `key=value` that more than one message has, both ways. Each reader throws `BAD_REQUEST` for a value that makes no sense. */
import { ShoalError } from '../core/errors.js';
import { parseCount } from './tokens.js';

type Pairs = ReadonlyMap<string, string>;

const LABEL = /^[A-Za-z0-9._-]{1,64}$/;
const CURSOR = /^[0-9A-Za-z.-]{1,64}$/;
const MEDIA_TYPE = /^[\w!#$&^.+-]{1,127}\/[\w!#$&^.+-]{1,127}$/;

/** ` key=value` for each that is there, in their order. */
export function formatAttributes(values: Readonly<Record<string, string | number | undefined>>): string {
  const given = Object.entries(values).filter(([, value]) => value !== undefined);
  return given.map(([key, value]) => ` ${key}=${value}`).join('');
}

/** A number from `min` to `max`; `undefined` where it is not given. */
export function countAttribute(pairs: Pairs, key: string, min: number, max: number): number | undefined {
  const text = pairs.get(key);
  if (text === undefined) return undefined;
  const value = parseCount(text, max);
  if (value === undefined || value < min) return refuse(`${key} is a number from ${min} to ${max}.`);
  return value;
}

/** A name that people gave to something; empty where it is not given. */
export function labelAttribute<Key extends string>(pairs: Pairs, key: Key): { [K in Key]?: string } {
  return token(pairs, key, LABEL, `${key} is made of 1 to 64 letters, digits, ".", "_" and "-".`);
}

/** Where a page begins; empty where it is not given. Only whoever gave it knows what it means. */
export function cursorAttribute<Key extends string>(pairs: Pairs, key: Key): { [K in Key]?: string } {
  return token(pairs, key, CURSOR, `${key} is what the page before gave as next.`);
}

/** A media type; empty where it is not given. */
export function typeAttribute(pairs: Pairs): { type?: string } {
  return token(pairs, 'type', MEDIA_TYPE, 'type is a media type.');
}

/** Whether a text may stand as `type=`: what a manifest says need not. */
export function isMediaType(text: string): boolean {
  return MEDIA_TYPE.test(text);
}

function token<Key extends string>(pairs: Pairs, key: Key, pattern: RegExp, why: string): { [K in Key]?: string } {
  const text = pairs.get(key);
  if (text === undefined) return {};
  if (!pattern.test(text)) return refuse(why);
  return { [key]: text } as { [K in Key]?: string };
}

function refuse(why: string): never {
  throw new ShoalError('BAD_REQUEST', 'remote', why);
}
