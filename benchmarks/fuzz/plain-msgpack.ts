/**
 * msgpack by its specification, written without the package that the program uses: what that reads is compared with this. Writing takes
 * any of the forms that the specification allows for a value, and some that it does not.
 */
import type { SimRandom } from '../../common/sim/sim-random.js';
import { oneIn, pick } from './text-grammar.js';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The value that a document which was found to be whole and without extensions stands for; maps as `Map`, 64-bit integers as numbers. */
export function readPlain(bytes: Uint8Array): unknown {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const unsigned = (width: number): number => {
    const from = at;
    at += width;
    if (width === 1) return view.getUint8(from);
    if (width === 2) return view.getUint16(from);
    return width === 4 ? view.getUint32(from) : Number(view.getBigUint64(from));
  };
  const signed = (width: number): number => {
    const from = at;
    at += width;
    if (width === 1) return view.getInt8(from);
    if (width === 2) return view.getInt16(from);
    return width === 4 ? view.getInt32(from) : Number(view.getBigInt64(from));
  };
  const float = (width: 4 | 8): number => {
    const from = at;
    at += width;
    return width === 4 ? view.getFloat32(from) : view.getFloat64(from);
  };
  const binary = (count: number): Uint8Array => {
    at += count;
    return bytes.subarray(at - count, at);
  };
  const text = (count: number): string => decoder.decode(binary(count));
  const list = (count: number): unknown[] => Array.from({ length: count }, () => value());
  const map = (count: number): Map<unknown, unknown> => {
    const pairs = new Map<unknown, unknown>();
    for (let left = count; left > 0; left -= 1) pairs.set(value(), value());
    return pairs;
  };
  const value = (): unknown => {
    const type = unsigned(1);
    if (type <= 0x7f) return type;
    if (type >= 0xe0) return type - 256;
    if (type <= 0x8f) return map(type & 15);
    if (type <= 0x9f) return list(type & 15);
    if (type <= 0xbf) return text(type & 31);
    if (type === 0xc0) return null;
    if (type === 0xc2 || type === 0xc3) return type === 0xc3;
    if (type >= 0xc4 && type <= 0xc6) return binary(unsigned(2 ** (type - 0xc4)));
    if (type === 0xca || type === 0xcb) return float(type === 0xca ? 4 : 8);
    if (type >= 0xcc && type <= 0xcf) return unsigned(2 ** (type - 0xcc));
    if (type >= 0xd0 && type <= 0xd3) return signed(2 ** (type - 0xd0));
    if (type >= 0xd9 && type <= 0xdb) return text(unsigned(2 ** (type - 0xd9)));
    if (type === 0xdc || type === 0xdd) return list(unsigned(type === 0xdc ? 2 : 4));
    if (type === 0xde || type === 0xdf) return map(unsigned(type === 0xde ? 2 : 4));
    throw new Error(`0x${type.toString(16)} is no value`);
  };
  return value();
}

/** What `writeLoosely` takes. */
export type Loose = null | boolean | number | string | Uint8Array | readonly Loose[] | ReadonlyMap<Loose, Loose> | RawBytes;

/** Bytes that stand as they are. */
export class RawBytes {
  readonly bytes: Uint8Array;

  constructor(...bytes: readonly number[]) {
    this.bytes = Uint8Array.from(bytes);
  }
}

/** A document in forms drawn by chance: lengths and numbers also wider than they need be. */
export function writeLoosely(value: Loose, random: SimRandom): Uint8Array {
  const parts: Uint8Array[] = [];
  write(value, random, parts);
  return Buffer.concat(parts);
}

function write(value: Loose, random: SimRandom, parts: Uint8Array[]): void {
  if (value === null) parts.push(Uint8Array.of(0xc0));
  else if (typeof value === 'boolean') parts.push(Uint8Array.of(value ? 0xc3 : 0xc2));
  else if (typeof value === 'number') parts.push(numberBytes(value, random));
  else if (typeof value === 'string') {
    const bytes = Buffer.from(value);
    parts.push(headBytes(bytes.length, [0xa0, 32], [0xd9, 0xda, 0xdb], random), bytes);
  } else if (value instanceof RawBytes) parts.push(value.bytes);
  else if (value instanceof Uint8Array) parts.push(headBytes(value.length, undefined, [0xc4, 0xc5, 0xc6], random), value);
  else if (value instanceof Map) {
    parts.push(headBytes(value.size, [0x80, 16], [undefined, 0xde, 0xdf], random));
    for (const [key, one] of value as ReadonlyMap<Loose, Loose>) {
      write(key, random, parts);
      write(one, random, parts);
    }
  } else {
    const list = value as readonly Loose[];
    parts.push(headBytes(list.length, [0x90, 16], [undefined, 0xdc, 0xdd], random));
    for (const one of list) write(one, random, parts);
  }
}

type Wide = readonly [one: number | undefined, two: number, four: number];

/** The head of a text, a list or a map: the shortest form, or now and then a longer one. */
function headBytes(
  count: number,
  short: readonly [base: number, end: number] | undefined,
  wide: Wide,
  random: SimRandom,
): Uint8Array {
  const isLong = oneIn(random, 6);
  if (short !== undefined && count < short[1] && !isLong) return Uint8Array.of(short[0] | count);
  const [one, two, four] = wide;
  if (one !== undefined && count < 256 && !isLong) return Uint8Array.of(one, count);
  if (count < 65_536 && !oneIn(random, 6)) return Uint8Array.of(two, count >> 8, count & 255);
  return Uint8Array.of(four, count >>> 24, (count >>> 16) & 255, (count >>> 8) & 255, count & 255);
}

function numberBytes(value: number, random: SimRandom): Uint8Array {
  const bytes = Buffer.alloc(9);
  if (!Number.isSafeInteger(value) || oneIn(random, 12)) {
    bytes[0] = 0xcb;
    bytes.writeDoubleBE(value, 1);
    return bytes;
  }
  if (value >= 0 && value < 128 && !oneIn(random, 4)) return Uint8Array.of(value);
  if (value >= 0 && value < 2 ** 32 && !oneIn(random, 4)) {
    bytes[0] = 0xce;
    bytes.writeUInt32BE(value, 1);
    return bytes.subarray(0, 5);
  }
  bytes[0] = value < 0 || oneIn(random, 3) ? 0xd3 : 0xcf;
  bytes.writeBigInt64BE(BigInt(value), 1);
  return bytes;
}

/** Values that belong in no document of ours: extensions, lengths that are lies, deep nests, a byte that is never used. */
export function wrongValue(random: SimRandom): Loose {
  return pick<Loose>(random, [
    null,
    -1,
    0.5,
    Number.NaN,
    2 ** 60,
    'x',
    '\ud800',
    new Uint8Array(3),
    [],
    new Map(),
    new RawBytes(0xc1),
    new RawBytes(0xd4, 0x00, 0x00),
    new RawBytes(0xd6, 0xff, 0, 0, 0, 1),
    new RawBytes(0xc7, 0x03, 0x72, 1, 2, 3),
    new RawBytes(0xdd, 0xff, 0xff, 0xff, 0xff),
    new RawBytes(0xdf, 0xff, 0xff, 0xff, 0xff),
    new RawBytes(0xc6, 0xff, 0xff, 0xff, 0xff),
    new RawBytes(0xdb, 0xff, 0xff, 0xff, 0xff),
    new RawBytes(0xa2, 0xc3, 0x28),
    new RawBytes(...new Array<number>(40).fill(0x91), 0x01),
    new RawBytes(0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
    new Map<Loose, Loose>([['__proto__', new Map<Loose, Loose>([['v', 1]])]]),
  ]);
}
