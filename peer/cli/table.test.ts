/** Tables for people. */
import { expect, test } from '@jest/globals';
import { table } from './table.js';

const HEAD = ['name', 'size', 'root'];

test('columns stand under each other, whatever script a name is in', () => {
  const rows = [HEAD, ['a', '1 B', 'r'], ['日本', '20 B', 'r'], ['e\u0301', '3 B', 'r']];
  expect(table(rows, 'lrl', undefined).split('\n')).toEqual([
    'name  size  root',
    'a      1 B  r',
    '日本  20 B  r',
    'e\u0301      3 B  r',
  ]);
});

test('the first column is shortened to what the terminal has, and never to nothing', () => {
  const rows = [HEAD, ['x'.repeat(100), '12 MiB', 'abcdef']];
  const lines = table(rows, 'lrl', 40).split('\n');
  expect(lines.map((line) => line.length)).toEqual([38, 40]);
  expect(lines[1]).toBe(`${'x'.repeat(23)}…  12 MiB  abcdef`);
  expect(table(rows, 'lrl', 5).split('\n')[1]).toBe(`${'x'.repeat(11)}…  12 MiB  abcdef`);
});

test('what others named cannot write on the terminal', () => {
  expect(table([HEAD, ['\u001b[2Jgone\n', '1 B', 'r']], 'lrl', undefined)).toContain('\\u001b[2Jgone\\u000a');
});
