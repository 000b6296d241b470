import { describe, expect, test } from '@jest/globals';
import { barLine } from './bar-line.js';

const text = '35% 101.5 MiB/286.1 MiB, 399.7 MiB/s, 12.5 s left, 12 peers';

describe('the line of the bar', () => {
  test('shows rate, remaining time and peers whole at 80 columns, and a part of the name', () => {
    const line = barLine({ name: 'a long name of a film, 2026.mkv', fraction: 0.35, text }, 80);
    expect(line).toMatch(/^a long na\S*… .*12 peers$/);
    expect(line.endsWith(text)).toBe(true);
    expect(line.length).toBeLessThan(80);
  });

  test('has a bar as soon as there is room, of 24 columns at most', () => {
    expect(barLine({ name: 'film', fraction: 0.5, text }, 200)).toBe(`film [${'■'.repeat(12)}${' '.repeat(12)}] ${text}`);
    expect(barLine({ name: 'film', fraction: 0.5, text }, 80)).toMatch(/^film \[■+ +\] 35%/);
  });

  test.each(['f', 'a name of some length.iso', '大きいファイルの名前がここにある', 'e\u0301'.repeat(40), '🎬'.repeat(30)])(
    'never fills the last column, whatever the width: %s',
    (name) => {
      for (let columns = 1; columns < 160; columns += 1) {
        const line = barLine({ name, fraction: 0.7, text }, columns);
        const wide = [...line].filter((one) => /[\u3000-\u9fff]|🎬/u.test(one)).length;
        const none = [...line].filter((one) => one === '\u0301').length;
        expect([...line].length + wide - none).toBeLessThanOrEqual(columns - 1);
      }
    },
  );

  test('the bar is empty at nothing, full at all, and no longer than that', () => {
    for (const [fraction, bar] of [
      [0, ' '.repeat(24)],
      [1, '■'.repeat(24)],
      [1.7, '■'.repeat(24)],
    ] as const)
      expect(barLine({ name: 'x', fraction, text: '' }, 100)).toContain(`[${bar}]`);
  });
});
