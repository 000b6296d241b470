import { describe, expect, test } from '@jest/globals';
import { CommandInput } from '../../common/cli/command-spec.js';
import type { Clock } from '../../common/ports/clock.js';
import { errorCode } from '../../common/testkit/error-code.js';
import { JumpClock } from '../testkit/jump-clock.js';
import { turn } from '../testkit/until.js';
import { Seeding, seedingOf } from './seeding.js';

const STOP = new AbortController().signal;

function inputOf(flags: Readonly<Record<string, string>>): CommandInput {
  return new CommandInput([], new Map(Object.entries(flags).map(([name, value]) => [name, [value]])));
}

/** Whether it is over after all that is due has happened. */
async function isOver(over: Promise<void>): Promise<boolean> {
  let isIt = false;
  void over.then(() => {
    isIt = true;
  });
  await turn();
  return isIt;
}

describe('seeding', () => {
  test('is asked for by any of its flags', () => {
    expect(seedingOf(inputOf({}))).toBeUndefined();
    expect(seedingOf(inputOf({ seed: 'false' }))).toBeUndefined();
    for (const flags of [{ seed: 'true' }, { 'seed-time': '2s' }, { 'seed-ratio': '1.5' }] as const)
      expect(seedingOf(inputOf(flags))).toBeInstanceOf(Seeding);
  });

  test.each(['', '-1', '1e3', 'two', '1,5', '10001', 'Infinity', ' 1', '.5'])('no ratio is %j', (ratio) => {
    expect(errorCode(() => seedingOf(inputOf({ 'seed-ratio': ratio })))).toBe('USAGE');
  });

  test.each(['', '-1', 'soon', '5 weeks'])('no time is %j', (time) => {
    expect(errorCode(() => seedingOf(inputOf({ 'seed-time': time })))).toBe('USAGE');
  });

  test('without a limit goes on until it is stopped', async () => {
    const [clock, stop] = [new JumpClock(true), new AbortController()];
    const seeding = new Seeding(undefined, undefined);
    const over = seeding.untilOver(100, clock, stop.signal);
    seeding.served(1e9);
    clock.jump(1e9);
    expect(await isOver(over)).toBe(false);
    stop.abort();
    expect(await isOver(over)).toBe(true);
    expect(await isOver(new Seeding(1000, undefined).untilOver(100, clock, stop.signal))).toBe(true);
    expect(clock.timerCount).toBe(0);
  });

  test.each([2000, 40 * 24 * 3_600_000])('is over after its time of %d ms, and not before', async (timeMs) => {
    const clock = new JumpClock(true);
    // As the real one, which knows no longer timers.
    const shortClock: Clock = {
      nowMs: () => clock.nowMs(),
      setTimer: (name, delayMs, run) => clock.setTimer(name, Math.min(delayMs, 2 ** 31 - 1), run),
    };
    const over = new Seeding(timeMs, undefined).untilOver(100, shortClock, STOP);
    clock.jump(timeMs - 1);
    expect(await isOver(over)).toBe(false);
    clock.jump(1);
    expect(await isOver(over)).toBe(true);
    expect(clock.timerCount).toBe(0);
  });

  test('is over when enough was given, what was given during the fetch counted, whichever limit comes first', async () => {
    const clock = new JumpClock(true);
    const seeding = new Seeding(5000, 1.5);
    seeding.served(100);
    const over = seeding.untilOver(100, clock, STOP);
    seeding.served(49);
    expect(await isOver(over)).toBe(false);
    seeding.served(1);
    expect(await isOver(over)).toBe(true);
    expect(clock.timerCount).toBe(0);
    expect(await isOver(new Seeding(undefined, 0).untilOver(100, clock, STOP))).toBe(true);
    expect(await isOver(new Seeding(undefined, 3).untilOver(0, clock, STOP))).toBe(true);
  });
});
