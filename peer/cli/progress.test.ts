import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { createProgress, type Progress, RateMeter } from './progress.js';

describe('rate meter', () => {
  test('the rate is that of the last seconds, not of the whole', () => {
    const meter = new RateMeter();
    for (let at = 0; at <= 10; at += 1) meter.update(at * 1000, at * 100);
    expect(meter.update(11_000, 1100)).toBeCloseTo(100);
    for (let at = 12; at <= 20; at += 1) meter.update(at * 1000, 1100 + (at - 11) * 5000);
    expect(meter.update(21_000, 1100 + 50_000)).toBeCloseTo(5000);
  });

  test('the remaining time: unknown while nothing moves, nothing when all is done', () => {
    const meter = new RateMeter();
    expect(meter.etaMs(10)).toBe(Number.POSITIVE_INFINITY);
    expect(meter.etaMs(0)).toBe(0);
    meter.update(0, 0);
    meter.update(1000, 500);
    expect(meter.etaMs(1000)).toBeCloseTo(2000);
    expect(meter.update(1000, 500)).toBeCloseTo(500);
  });

  test('it holds few samples, however often it is asked', () => {
    const meter = new RateMeter();
    for (let at = 0; at < 100_000; at += 1) meter.update(at, at);
    expect(meter.update(100_000, 100_000)).toBeCloseTo(1000);
  });
});

/** What is seen on a terminal of five lines after `written`, with what has scrolled off it. */
function seenOn(written: string): string[] {
  const HEIGHT = 5;
  const lines = [''];
  let [row, column, savedRow, savedColumn] = [0, 0, 0, 0];
  const top = () => Math.max(0, lines.length - HEIGHT);
  for (const [piece] of written.matchAll(/\u001b(?:\[[?\d]*[a-zA-Z]|[78])|./gsu)) {
    const line = (lines[row] ?? '').padEnd(column);
    if (piece === '\n') [row, column] = [row + 1, 0];
    else if (piece === '\r' || piece === '\u001b[1G') column = 0;
    else if (piece === '\u001b[0K' || piece === '\u001b[K') lines[row] = line.slice(0, column);
    else if (piece === '\u001b[2K') lines[row] = '';
    else if (piece === '\u001b7') [savedRow, savedColumn] = [row - top(), column];
    else if (piece === '\u001b8') [row, column] = [savedRow + top(), savedColumn];
    else if (!piece.startsWith('\u001b')) {
      lines[row] = line.slice(0, column) + piece + line.slice(column + 1);
      column += 1;
    }
    while (lines.length <= row) lines.push('');
  }
  return lines.map((line) => line.trimEnd()).filter((line) => line !== '');
}

describe('on a terminal', () => {
  let written: string;
  let progress: Progress;
  const isTTY = { stdout: process.stdout.isTTY, stderr: process.stderr.isTTY };
  const setTTY = (stdout: boolean, stderr: boolean) => {
    Object.defineProperty(process.stdout, 'isTTY', { value: stdout, configurable: true });
    Object.defineProperty(process.stderr, 'isTTY', { value: stderr, configurable: true });
  };
  beforeEach(async () => {
    written = '';
    setTTY(true, true);
    progress = await createProgress({ isQuiet: false, isJson: false });
    for (const stream of [process.stdout, process.stderr]) {
      jest.spyOn(stream, 'write').mockImplementation((text) => {
        written += String(text);
        return true;
      });
    }
  });
  afterEach(() => {
    progress.stop();
    jest.restoreAllMocks();
    setTTY(isTTY.stdout, isTTY.stderr);
  });

  test('notes and results stay whole while there is a bar, and the bar leaves nothing behind', () => {
    progress.phase('film.mkv', 1000);
    const told = Array.from({ length: 8 }, (_, at) => `${at % 2 === 0 ? 'note' : 'result'} ${at}`);
    for (const [at, text] of told.entries()) {
      progress.update(at * 100, '2 peers');
      if (at % 2 === 0) progress.note(text);
      else progress.result(`${text}\n`);
    }
    expect(seenOn(written)).toEqual([...told, expect.stringMatching(/^film\.mkv \[■+ +\] 70% .*2 peers$/)]);
    progress.stop();
    expect(seenOn(written)).toEqual(told);
    expect(written.lastIndexOf('\u001b[?25h')).toBeGreaterThan(written.lastIndexOf('\u001b[?25l'));
  });

  test('a terminal that says it has no columns gets a line in place of the spinner', () => {
    const columns = Object.getOwnPropertyDescriptor(process.stderr, 'columns');
    Object.defineProperty(process.stderr, 'columns', { value: 0, configurable: true });
    try {
      progress.wait('looking up film.mkv');
      progress.phase('film.mkv', 1000, 500);
      expect(seenOn(written)).toEqual(['looking up film.mkv ...', expect.stringMatching(/^film\.mkv \[■+ +\] 50%/)]);
      progress.stop();
      expect(seenOn(written)).toEqual(['looking up film.mkv ...']);
    } finally {
      if (columns === undefined) Reflect.deleteProperty(process.stderr, 'columns');
      else Object.defineProperty(process.stderr, 'columns', columns);
    }
  });

  test('a process that ends in the middle of a bar gives the cursor back', () => {
    const before = process.listeners('exit');
    progress.phase('film.mkv', 1000);
    const [onExit] = process.listeners('exit').filter((listener) => !before.includes(listener));
    onExit?.call(process, 130);
    expect(seenOn(written)).toEqual([]);
    expect(written.lastIndexOf('\u001b[?25h')).toBeGreaterThan(written.lastIndexOf('\u001b[?25l'));
    expect(process.listeners('exit')).toEqual(before);
  });
});
