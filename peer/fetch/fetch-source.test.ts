import { describe, expect, test } from '@jest/globals';
import { parseFetchSource } from './fetch-source.js';

const root = 'ab'.repeat(32);

describe('what a person asks for', () => {
  test.each([
    ['plain.bin', 'plain.bin'],
    ['with space.bin', 'with space.bin'],
    ['with%20space.bin', 'with space.bin'],
    ['100%.bin', '100%.bin'],
    ['100%25 sure', '100%25 sure'],
    ['folder/ä.txt', 'folder/ä.txt'],
    ['a\u0308.txt', 'ä.txt'],
    ['%40home', '@home'],
  ])('the name %j is %j', (typed, name) => {
    expect(parseFetchSource(typed)).toMatchObject({ name, root: undefined, content: { by: 'name', name } });
  });

  test('a root and a link', () => {
    expect(parseFetchSource(`@${root}`)).toMatchObject({ root, name: undefined, content: { by: 'root', root } });
    const link = parseFetchSource(`magnet:?xt=urn:shoal:${root}&dn=a%20b&xl=7&tr=host:1&x.pe=10.0.0.1:2`);
    expect(link).toMatchObject({
      root,
      name: 'a b',
      sizeBytes: 7,
      trackers: [{ host: 'host', port: 1 }],
      peers: [{ ip: '10.0.0.1', port: 2 }],
    });
  });

  test.each([
    '',
    '@',
    `@${root.toUpperCase()}`,
    `@${root}0`,
    '../x',
    '/etc/passwd',
    'a//b',
    'a\nb',
    '%ff',
    'magnet:?xt=1',
    'a/.',
  ])('FS1: %j is a mistake in the command, told as such', (typed) => {
    expect(() => parseFetchSource(typed)).toThrow(expect.objectContaining({ code: 'USAGE', exitCode: 2 }));
  });
});
