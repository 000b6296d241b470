/** Counting what goes out and comes in. */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { STATISTICS_CONTENTS_MAX_COUNT } from '../../common/core/limits.js';
import type { ContentRoot } from '../../common/core/root.js';
import { Statistics } from './statistics.js';

const NOTHING = { uploadedBytes: 0, downloadedBytes: 0, contents: [] };

function content(index: number) {
  return { name: `file ${index}`, root: String(index).padStart(64, '0') as ContentRoot, sizeBytes: 1000 };
}

test('totals are the sums of what was told, also over a restart', () => {
  const step = fc.record({ index: fc.nat({ max: 5 }), bytes: fc.nat({ max: 1e6 }), isUp: fc.boolean(), isRestart: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      let statistics = new Statistics(NOTHING);
      const sums = new Map<string, { up: number; down: number }>();
      for (const { index, bytes, isUp, isRestart } of steps) {
        if (isRestart) statistics = new Statistics(statistics.totals);
        if (isUp) statistics.uploaded(content(index), bytes, 0);
        else statistics.downloaded(content(index), bytes);
        const sum = sums.get(content(index).root) ?? { up: 0, down: 0 };
        sums.set(content(index).root, { up: sum.up + (isUp ? bytes : 0), down: sum.down + (isUp ? 0 : bytes) });
      }
      const { uploadedBytes, downloadedBytes, contents } = statistics.totals;
      const all = [...sums.values()];
      expect(uploadedBytes).toBe(all.reduce((sum, { up }) => sum + up, 0));
      expect(downloadedBytes).toBe(all.reduce((sum, { down }) => sum + down, 0));
      const counted = contents.map(({ root, uploadedBytes: up, downloadedBytes: down }) => [root, { up, down }]);
      expect(new Map(counted as [string, { up: number; down: number }][])).toEqual(sums);
    }),
  );
});

test('what was unused for the longest time makes room, and its bytes stay in the totals', () => {
  const statistics = new Statistics(NOTHING);
  for (let index = 0; index < STATISTICS_CONTENTS_MAX_COUNT; index += 1) statistics.downloaded(content(index), 1);
  statistics.uploaded(content(0), 1, 0);
  statistics.downloaded(content(STATISTICS_CONTENTS_MAX_COUNT), 1);
  const { contents, downloadedBytes } = statistics.totals;
  expect(contents).toHaveLength(STATISTICS_CONTENTS_MAX_COUNT);
  expect(downloadedBytes).toBe(STATISTICS_CONTENTS_MAX_COUNT + 1);
  const names = new Set(contents.map(({ name }) => name));
  expect([names.has('file 0'), names.has('file 1')]).toEqual([true, false]);
});

test('what goes out now is told with its rate, the fastest first, and is forgotten when it ends', () => {
  const statistics = new Statistics(NOTHING);
  for (let second = 0; second < 10; second += 1) {
    statistics.uploaded(content(1), 1_000_000, second * 1000);
    statistics.uploaded(content(2), 3_000_000, second * 1000);
  }
  const uploads = statistics.uploads(9999);
  expect(uploads.map(({ name }) => name)).toEqual(['file 2', 'file 1']);
  expect(uploads.map(({ bytesPerSecond }) => Math.round(bytesPerSecond / 1e5))).toEqual([30, 10]);
  expect(statistics.uploads(14_999)).toHaveLength(2);
  expect(statistics.uploads(30_000)).toEqual([]);
});
