import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { MSGPACK_DEPTH_MAX_COUNT, MSGPACK_VALUES_MAX_COUNT } from '../core/limits.js';
import { errorCode, isContained } from '../testkit/error-code.js';
import { packMsgpack, unpackMsgpack } from './msgpack.js';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

/** Values as this program writes them, and how they come back. */
const { value: anyValue } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', maxDepth: 6 },
    fc.constantFrom(null, true, false),
    fc.integer({ min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER }),
    fc.double({ noNaN: true }),
    fc.string({ unit: 'binary', maxLength: 300 }).filter((text) => !/\p{Cs}/u.test(text)),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie('value'), { maxLength: 20 }),
    fc.dictionary(fc.string(), tie('value'), { maxKeys: 20 }),
  ),
}));

/** Objects come back as maps. */
function decoded(value: unknown): unknown {
  if (value instanceof Uint8Array || value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(decoded);
  return new Map(Object.entries(value).map(([key, one]) => [key, decoded(one)]));
}

/** What Jest compares: views of a Buffer and plain arrays of bytes are the same thing here. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return [...value];
  if (value instanceof Map) return new Map([...value].map(([key, one]) => [key, plain(one)]));
  if (Array.isArray(value)) return value.map(plain);
  return Object.is(value, -0) ? 0 : value;
}

describe('msgpack', () => {
  test('gives back what was packed', () => {
    fc.assert(fc.property(anyValue, (value) => expect(plain(unpackMsgpack(packMsgpack(value)))).toEqual(plain(decoded(value)))));
  });

  test('packs into memory of its own', () => {
    const first = packMsgpack({ a: 1 });
    const before = [...first];
    packMsgpack({ b: 'something else', c: [1, 2, 3] });
    expect([...first]).toEqual(before);
    expect(first.byteLength).toBe(first.buffer.byteLength);
  });

  test('MF10: refuses every document that is cut anywhere, or followed by anything', () => {
    const document = packMsgpack({ v: 1, list: [1, -1, 70_000, 2 ** 40, 1.5, 'text', 'x'.repeat(40)], bin: new Uint8Array(300) });
    expect(unpackMsgpack(document)).toBeInstanceOf(Map);
    for (let at = 0; at < document.length; at += 1) {
      expect(errorCode(() => unpackMsgpack(document.subarray(0, at)))).toBe('PROTOCOL');
    }
    for (const more of [0x00, 0xc0, 0x80, 0xff]) {
      expect(errorCode(() => unpackMsgpack(Buffer.concat([document, bytes(more)])))).toBe('PROTOCOL');
    }
  });

  test.each([
    ['array32', bytes(0xdd, 0xff, 0xff, 0xff, 0xff)],
    ['map32', bytes(0xdf, 0xff, 0xff, 0xff, 0xff)],
    ['bin32', bytes(0xc6, 0xff, 0xff, 0xff, 0xff)],
    ['str32', bytes(0xdb, 0xff, 0xff, 0xff, 0xff)],
    ['map16', bytes(0xde, 0xff, 0xff, 0xc0)],
    ['array16', bytes(0xdc, 0xff, 0xff, 0xc0)],
    ['str8', bytes(0xd9, 0xff, 0x61)],
  ])('MF1: refuses a %s that claims more than is there', (_, document) => {
    expect(errorCode(() => unpackMsgpack(document))).toBe('PROTOCOL');
  });

  test('MF2: takes nesting at the limit, refuses one level more, and a bomb of 2 MB', () => {
    const nested = (levels: number) => Uint8Array.from([...new Array<number>(levels).fill(0x91), 0xc0]);
    expect(unpackMsgpack(nested(MSGPACK_DEPTH_MAX_COUNT))).toBeInstanceOf(Array);
    expect(errorCode(() => unpackMsgpack(nested(MSGPACK_DEPTH_MAX_COUNT + 1)))).toBe('PROTOCOL');
    expect(errorCode(() => unpackMsgpack(new Uint8Array(2_000_000).fill(0x91)))).toBe('PROTOCOL');
    expect(errorCode(() => unpackMsgpack(new Uint8Array(2_000_000).fill(0x81)))).toBe('PROTOCOL');
  });

  test('MF6: counts values, and refuses one more than the limit', () => {
    const head = (count: number) => [0xdd, count >>> 24, (count >>> 16) & 255, (count >>> 8) & 255, count & 255];
    const list = (count: number) => {
      const document = new Uint8Array(5 + count);
      document.set(head(count));
      return document;
    };
    expect(errorCode(() => unpackMsgpack(list(MSGPACK_VALUES_MAX_COUNT)))).toBe('PROTOCOL');
    expect(unpackMsgpack(list(1000))).toHaveLength(1000);
  });

  test('MF4: refuses every extension type, and the byte that means nothing', () => {
    const payloads = [
      [0xd4, 0x70, 0],
      [0xd4, 0x72, 0x40],
      [0xd5, 0x62, 0, 0],
      [0xd6, 0xff, 0, 0, 0, 0],
      [0xc7, 1, 0x78, 0],
      [0xc1],
    ];
    for (const payload of [...payloads, [0xc8, 0, 1, 1, 0], [0xc9, 0, 0, 0, 1, 1, 0], [0xd7, 0xff, 0, 0, 0, 0, 0, 0, 0, 0]]) {
      expect(errorCode(() => unpackMsgpack(bytes(...payload)))).toBe('PROTOCOL');
      expect(errorCode(() => unpackMsgpack(bytes(0x91, ...payload)))).toBe('PROTOCOL');
    }
  });

  test('MF3: keeps __proto__ and constructor as ordinary keys, and no prototype changes', () => {
    const document = bytes(0x81, 0xa9, ...Buffer.from('__proto__'), 0x81, 0xa1, 0x78, 0x01);
    const map = unpackMsgpack(document) as Map<string, unknown>;
    expect([...map.keys()]).toEqual(['__proto__']);
    expect(({} as { x?: unknown }).x).toBeUndefined();
    expect(unpackMsgpack(packMsgpack({ constructor: 1 }))).toEqual(new Map([['constructor', 1]]));
  });

  test.each([
    ['a lone byte', [0xa1, 0xff]],
    ['an overlong form', [0xa2, 0xc0, 0xaf]],
    ['a surrogate', [0xa3, 0xed, 0xa0, 0x80]],
    ['a letter cut by its length', [0xa1, 0xc3]],
    ['a bad byte in a long text', [0xd9, 100, ...new Array<number>(99).fill(0x61), 0xff]],
  ])('TW14: refuses a text that is not UTF-8: %s', (_, document) => {
    expect(errorCode(() => unpackMsgpack(bytes(...document)))).toBe('PROTOCOL');
  });

  test('MF9: survives any bytes, with nothing but a ShoalError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (document) => isContained(() => unpackMsgpack(document))),
      { numRuns: 2000 },
    );
    const document = packMsgpack({ v: 1, name: 'é', files: [{ path: 'a', size: 2 ** 33, root: 'ab', mtime: 1.5 }] });
    for (let bit = 0; bit < document.length * 8; bit += 1) {
      const flipped = new Uint8Array(document);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(isContained(() => unpackMsgpack(flipped))).toBe(true);
    }
  });

  test('MF5: an integer beyond 2^53 is no safe one any more, so that a size of it is refused', () => {
    const value = unpackMsgpack(bytes(0xcf, 0x00, 0x20, 0, 0, 0, 0, 0, 0x01));
    expect(typeof value).toBe('number');
    expect(Number.isSafeInteger(value)).toBe(false);
  });
});
