import { describe, expect, test } from '@jest/globals';
import { answerAnnounce, bencode, torrentOf } from './torrent.js';

describe('bencode', () => {
  // The examples of BEP 3.
  test.each([
    [3, 'i3e'],
    [-3, 'i-3e'],
    [0, 'i0e'],
    ['spam', '4:spam'],
    ['', '0:'],
    [{ spam: 'eggs', cow: 'moo' }, 'd3:cow3:moo4:spam4:eggse'],
    [{}, 'de'],
  ])('%j', (value, expected) => {
    expect(bencode(value).toString()).toBe(expected);
  });

  test('counts bytes, not letters, and sorts keys by bytes', () => {
    expect(bencode({ é: 1, z: 2, Z: 'ü' })).toEqual(Buffer.from('d1:Z2:ü1:zi2e2:éi1ee'));
  });

  test('keeps bytes that are no text', () => {
    expect(bencode(Uint8Array.of(0, 255))).toEqual(Buffer.from([0x32, 0x3a, 0, 255]));
  });
});

test('a torrent names the file, its size and the hashes of its pieces', () => {
  expect(torrentOf('a.bin', 7, Buffer.from('12345678901234567890')).toString()).toBe(
    'd4:infod6:lengthi7e4:name5:a.bin12:piece lengthi524288e6:pieces20:12345678901234567890ee',
  );
});

describe('the tracker', () => {
  const ask = (text: string, ports: Set<number>) => answerAnnounce(new URLSearchParams(text), ports).toString('latin1');

  test('hands the seeders to who has something left', () => {
    const ports = new Set<number>();
    expect(ask('left=0&event=started&port=258', ports)).toBe('d8:intervali1800e5:peers0:e');
    expect(ask('left=0&event=started&port=65535', ports)).toBe('d8:intervali1800e5:peers0:e');
    expect(ask('left=9&event=started&port=7', ports)).toBe(
      'd8:intervali1800e5:peers12:\x7f\0\0\x01\x01\x02\x7f\0\0\x01\xff\xffe',
    );
  });

  test('takes nobody for a seeder who has only just finished', () => {
    const ports = new Set<number>();
    ask('left=9&event=started&port=7', ports);
    ask('left=0&event=completed&port=7', ports);
    expect([...ports]).toEqual([]);
  });
});
