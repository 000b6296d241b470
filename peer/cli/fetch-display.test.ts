import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { parseFileName } from '../../common/core/file-name.js';
import type { FetchResult } from '../fetch/fetch-events.js';
import { StageTimes } from '../fetch/stage-times.js';
import { explain } from '../fetch/verdict.js';
import { JsonDisplay, PersonDisplay } from './fetch-display.js';
import { whyTable } from './why-table.js';

let printed: string;
let notes: string[];
beforeEach(() => {
  printed = '';
  notes = [];
  jest.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text);
    return true;
  });
});
afterEach(() => {
  jest.restoreAllMocks();
});

const progress = {
  wait: (text: string) => void notes.push(`wait ${text}`),
  phase: (name: string, totalBytes: number, doneBytes = 0) => void notes.push(`phase ${name} ${doneBytes}/${totalBytes}`),
  update: (doneBytes: number, note = '') => void notes.push(`update ${doneBytes} ${note}`),
  note: (text: string) => void notes.push(text),
  result: (text: string) => void process.stdout.write(text),
  stop: () => void notes.push('stop'),
};

const result: FetchResult = {
  path: '/tmp/x.bin',
  name: parseFileName('x.bin'),
  root: null,
  type: 'file',
  files: 1,
  size: 2048,
  verified: true,
  isAlreadyThere: false,
  durationMs: 1000,
  resumedBytes: 1024,
  fetchedBytes: 1024,
  wastedBytes: 0,
  peers: [{ address: '10.0.0.1:5', bytes: 1024, chunks: 1 }],
  why: explain(new StageTimes(0, 8).report(1000), undefined),
};

describe('a fetch shown to a person', () => {
  test('FS6: each pause for want of room is told once, and each end of it', () => {
    const display = new PersonDisplay(progress);
    const pause = () => {
      display.event({ event: 'disk-full', folder: '/tmp' });
      display.event({ event: 'disk-room', folder: '/tmp' });
    };
    pause();
    pause();
    expect(notes).toHaveLength(4);
    expect(notes[0]).toMatch(/^the disk of \/tmp is full: waiting for room; Ctrl-C ends it/);
    expect(notes[3]).toBe('there is room again: going on');
  });

  test('the end tells path, bytes, time, rate, trust, and what came from whom', () => {
    new PersonDisplay(progress).result(result);
    expect(notes).toEqual(['stop']);
    expect(printed).toBe(
      '/tmp/x.bin\nfetched 1 KiB in 1.0 s (1 KiB/s), 1 KiB were here before, verified\n  10.0.0.1:5  1 KiB  1 chunk  100%\n' +
        'limited by the trackers: the lookup took 100 % of the time\n',
    );
  });

  test('where it was asked for, the end shows where the time went', () => {
    new PersonDisplay(progress, whyTable).result(result);
    expect(printed).toMatch(/\nlimited by the trackers: .*\n\nstage +time +share +meaning\nlookup +1\.0 s +100 % /);
  });

  test('what is not verified says so, and what was there already too', () => {
    new PersonDisplay(progress).result({ ...result, verified: false });
    expect(printed).toContain('UNVERIFIED');
    printed = '';
    new PersonDisplay(progress).result({ ...result, isAlreadyThere: true, fetchedBytes: 0 });
    expect(printed).toBe('/tmp/x.bin\nalready there, 2 KiB, verified\n');
  });

  test('the trouble of a peer is told once', () => {
    const display = new PersonDisplay(progress);
    for (let count = 0; count < 3; count += 1) display.event({ event: 'peer-failed', address: '10.0.0.1:5', reason: 'gone' });
    // One that was there and goes is no trouble.
    display.event({ event: 'peer-connected', address: '10.0.0.2:5' });
    display.event({ event: 'peer-failed', address: '10.0.0.2:5', reason: 'closed the connection' });
    display.event({ event: 'peer-banned', address: '10.0.0.1:5', reason: 'lied' });
    display.event({ event: 'peer-failed', address: '10.0.0.3:5', reason: 'Nothing listens at 10.0.0.3:5; is it running?' });
    expect(notes).toEqual([
      'peer 10.0.0.1:5: gone',
      'peer 10.0.0.1:5 is banned: lied',
      'peer 10.0.0.3:5: Nothing listens there; is it running?',
    ]);
  });

  test('PW13, MT6: what others sent cannot move the cursor or colour the terminal', () => {
    const display = new PersonDisplay(progress);
    const evil = 'a\u001b[2Jb\u202ec';
    display.event({ event: 'peer-failed', address: '10.0.0.1:5', reason: evil });
    display.event({ event: 'tracker-failed', tracker: 't:1', reason: evil });
    display.event({ event: 'phase', phase: 'fetch', what: evil, totalBytes: 5, doneBytes: 0 });
    display.event({ event: 'phase', phase: 'lookup', what: evil, totalBytes: 0, doneBytes: 0 });
    display.event({ event: 'content', name: evil, root: null, size: 1, type: 'file', files: 1, verified: false });
    display.result({ ...result, path: evil });
    expect([...notes, printed].join('')).not.toMatch(/[\u001b\u202e]/);
  });
});

describe('a fetch shown to a program', () => {
  test('is one JSON object a line, the result last, and no control character in them', () => {
    const display = new JsonDisplay();
    display.event({ event: 'peer-failed', address: '10.0.0.1:5', reason: 'a\u001b[2J\nb' });
    display.result(result);
    const lines = printed.trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line).event)).toEqual(['peer-failed', 'done']);
    expect(JSON.parse(lines[1] ?? '')).toMatchObject({
      alreadyThere: false,
      verified: true,
      fetchedBytes: 1024,
      root: null,
      why: result.why,
    });
    expect(lines[1]).not.toContain('isAlreadyThere');
    expect(lines[0]).not.toContain('\u001b');
  });
});
