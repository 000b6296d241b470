/** The watch over a thread that fuzzes: what it hangs at or dies of is told, with the input. */
import { describe, expect, test } from '@jest/globals';
import { runWatched } from './watched-run.js';

const target = { name: 'hash-records', inputMaxBytes: 4096 };
const options = { seed: 1, inputCount: 600, untilMs: undefined };

/** A thread that takes the input `bad` and then does what it is told. */
function script(then: string): URL {
  const put = "const { workerData: { memory } } = await import('node:worker_threads');";
  const input = 'new Uint8Array(memory, 8).set([98, 97, 100]); new Int32Array(memory, 0, 2).set([1, 3]);';
  return new URL(`data:text/javascript,${encodeURIComponent(`${put}${input}${then}`)}`);
}

describe('a watched run', () => {
  test('of a target that holds comes to its end, and says what it kept', async () => {
    const { report, lost } = await runWatched(target, options);
    expect(lost).toBeUndefined();
    expect(report?.inputCount).toBeGreaterThanOrEqual(600);
    expect(report?.finds).toEqual([]);
    expect(Number.isFinite(report?.keptGrowthBytes)).toBe(true);
  });

  test('tells the input that hangs, by processor time', async () => {
    const { lost } = await runWatched(target, { ...options, hangCpuMs: 1500 }, script('for (;;);'));
    expect(lost?.why).toBe('It hangs: 1500 ms of processor time and no end.');
    expect(Buffer.from(lost?.input ?? []).toString()).toBe('bad');
  });

  test.each([
    ['ends the program', 'process.exit(0);', /^It ended the program/],
    ['throws where nobody catches it', "setImmediate(() => { throw new TypeError('x'); });", /^Nobody caught TypeError: x/],
    ['rejects where nobody hears it', "void Promise.reject(new TypeError('y'));", /^Nobody caught TypeError: y/],
  ])('tells the input that %s', async (_, then, why) => {
    const { report, lost } = await runWatched(target, options, script(then));
    expect(report).toBeUndefined();
    expect(lost?.why).toMatch(why);
    expect(Buffer.from(lost?.input ?? []).toString()).toBe('bad');
  });
});
