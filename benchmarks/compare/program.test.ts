import { expect, test } from '@jest/globals';
import { cpuMsOfStat, shownCommand } from './program.js';

test('processor time is read behind the name, whatever is in it', () => {
  const stat = '77 (a) b (c) S 1 77 77 0 -1 4194560 100 0 0 0 11 22 33 44 20 0 1 0 500 1000 10\n';
  expect([cpuMsOfStat(stat, 'own'), cpuMsOfStat(stat, 'ended children')]).toEqual([330, 770]);
});

test('a command is shown without the temporary folder', () => {
  expect(shownCommand('/tmp/x', 'curl', ['--output', '/tmp/x/fetched/a', 'http://h/a'])).toBe(
    'curl --output DIR/fetched/a http://h/a',
  );
});
