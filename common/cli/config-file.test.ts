import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { errorCode, isContained, rejectionCode } from '../testkit/error-code.js';
import { parsePlain, readConfigFile } from './config-file.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shoal-config-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function read(name: string, text: string): Promise<Record<string, readonly string[]> | undefined> {
  const path = join(folder, name);
  await writeFile(path, text);
  const values = await readConfigFile(path);
  return values === undefined ? undefined : Object.fromEntries(values);
}

describe('a plain configuration file', () => {
  test('takes key=value lines with comments, as the old sample has them', async () => {
    const text =
      '//config.dat\r\ndirectory=../Documents/mydirectory\r\n\n# note\n trackerIP = 192.23.7.106 \nurl=http://x/?a=b\nempty=\n';
    expect(await read('config.dat', text)).toEqual({
      directory: ['../Documents/mydirectory'],
      trackerIP: ['192.23.7.106'],
      url: ['http://x/?a=b'],
      empty: [''],
    });
  });

  test('adds up a repeated key, and keeps names of the prototype as ordinary keys', () => {
    expect([...parsePlain('a=1\na=2\n__proto__=x', 'f')]).toEqual([
      ['a', ['1', '2']],
      ['__proto__', ['x']],
    ]);
  });

  test('names the file and the line that it cannot read', () => {
    expect(() => parsePlain('a=1\n\nnonsense', 'my.conf')).toThrow('my.conf, line 3: expected key=value.');
    expect(errorCode(() => parsePlain('=x', 'f'))).toBe('USAGE');
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => isContained(() => parsePlain(text, 'f'))));
  });
});

describe('a TOML configuration file', () => {
  test('gives the same kind of values', async () => {
    const text = 'port = 4700\nresume = true\n"limit-down" = "10M" # fast\ntracker = ["a:1", "b:2"]\n';
    expect(await read('a.toml', text)).toEqual({
      port: ['4700'],
      resume: ['true'],
      'limit-down': ['10M'],
      tracker: ['a:1', 'b:2'],
    });
  });

  test.each([
    ['a table', '[peer]\nport = 1\n'],
    ['a date', 'a = 2020-01-01\n'],
    ['a list of lists', 'a = [[1]]\n'],
    ['no TOML at all', 'directory=../x\n'],
  ])('with %s is refused, and the message names the file', async (_, text) => {
    await expect(read('bad.toml', text)).rejects.toMatchObject({ code: 'USAGE', message: expect.stringContaining('bad.toml') });
  });

  test('that is broken is refused with the line', async () => {
    await expect(read('bad.toml', 'port = 1\nout = "a\n')).rejects.toMatchObject({
      message: expect.stringContaining('bad.toml, line 2'),
    });
  });
});

test('no file is no error here; one that cannot be read is', async () => {
  expect(await readConfigFile(join(folder, 'absent.conf'))).toBeUndefined();
  expect(await rejectionCode(readConfigFile(folder))).toBe('USAGE');
});
