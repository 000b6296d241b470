import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { parseFileName } from '../../common/core/file-name.js';
import { UNREGISTER_DEADLINE_MS } from '../../common/core/limits.js';
import type { HostPort } from '../../common/core/peer-address.js';
import { parseContentRoot } from '../../common/core/root.js';
import { tcpDialer } from '../../common/node/tcp.js';
import type { Clock } from '../../common/ports/clock.js';
import type { Dialer } from '../../common/ports/net.js';
import { ScriptedTracker, yes } from '../testkit/scripted-tracker.js';
import { type Announcement, Announcer } from './announcer.js';

/** Announce timers run when the test says so, but for those without delay; deadlines never do by themselves. */
class Rounds implements Clock {
  readonly timers = new Map<object, { name: string; delayMs: number; run: () => void }>();
  readonly #wakes = new Set<() => void>();

  nowMs(): number {
    return 0;
  }

  setTimer(name: string, delayMs: number, run: () => void) {
    const key = {};
    if (name === 'announce' && delayMs === 0) {
      const immediate = setImmediate(run);
      return { cancel: () => clearImmediate(immediate) };
    }
    this.timers.set(key, { name, delayMs, run });
    for (const wake of this.#wakes) wake();
    return { cancel: () => void this.timers.delete(key) };
  }

  /** Waits for a timer of that name, runs it, and returns its delay. */
  async next(name = 'announce'): Promise<number> {
    for (;;) {
      for (const [key, timer] of this.timers) {
        if (timer.name !== name) continue;
        this.timers.delete(key);
        timer.run();
        return timer.delayMs;
      }
      await new Promise<void>((resolve) => this.#wakes.add(resolve));
    }
  }
}

function contentOf(name: string): Announcement {
  return { name: parseFileName(name), sizeBytes: 1, root: parseContentRoot('cd'.repeat(32)) };
}

let rounds: Rounds;
let events: string[];
let wakes: Set<() => void>;
let trackers: ScriptedTracker[];
let announcer: Announcer | undefined;

beforeEach(() => {
  rounds = new Rounds();
  events = [];
  wakes = new Set();
  trackers = [];
});
afterEach(async () => {
  await Promise.all(trackers.map((tracker) => tracker.close()));
  await announcer?.close();
});

async function startTracker(): Promise<ScriptedTracker> {
  const tracker = new ScriptedTracker(yes);
  trackers.push(tracker);
  await tracker.start();
  return tracker;
}

function begin(addresses: readonly HostPort[], dialer: Dialer = tcpDialer): Announcer {
  const tell = (text: string) => {
    events.push(text);
    for (const wake of wakes) wake();
  };
  announcer = new Announcer(
    { dialer, clock: rounds, random: { below: () => 0 } },
    {
      trackers: addresses,
      address: '*:5000',
      events: {
        registered: (content, address, tracker) => tell(`${content.name} at ${address?.ip} ${addresses.indexOf(tracker)}`),
        refused: (content, error) => tell(`${content.name} ${error.code}`),
        trackerLost: (tracker, error) => tell(`lost ${addresses.indexOf(tracker)} ${error.code}`),
        trackerBack: (tracker) => tell(`back ${addresses.indexOf(tracker)}`),
      },
    },
  );
  return announcer;
}

async function until(text: string, count = 1): Promise<void> {
  while (events.filter((event) => event === text).length < count) await new Promise<void>((resolve) => wakes.add(resolve));
}

describe('announcer', () => {
  test('registers what is announced, then only says that it lives, within each interval', async () => {
    const tracker = await startTracker();
    begin([tracker.address]).announce([contentOf('a'), contentOf('b')]);
    await until('b at 127.0.0.1 0');
    expect(await rounds.next()).toBeLessThanOrEqual(60_000);
    await tracker.told(/^ALIVE \*:5000$/);
    expect(await rounds.next()).toBeLessThanOrEqual(60_000);
    await tracker.told(/^ALIVE/, 2);
    expect(tracker.lines.filter((line) => line.startsWith('REGISTER'))).toHaveLength(2);
  });

  test('what grows is told anew in each round in which it grew, what does not costs a sign of life, and one event tells it', async () => {
    const tracker = await startTracker();
    let haveCount = 0;
    const registrations = () =>
      tracker.lines.filter((line) => line.startsWith('REGISTER')).map((line) => / have=(\d+)/.exec(line)?.[1]);
    begin([tracker.address]).announce([{ ...contentOf('a'), haveCount: () => haveCount }, contentOf('b')]);
    await until('b at 127.0.0.1 0');
    expect(registrations()).toEqual(['0', undefined]);
    haveCount = 3;
    await rounds.next();
    await tracker.told(/^ALIVE/, 1);
    await tracker.told(/^REGISTER/, 3);
    // Nothing grew: the round after this one begins when this one is over.
    await rounds.next();
    await tracker.told(/^ALIVE/, 2);
    haveCount = 7;
    await rounds.next();
    await tracker.told(/^REGISTER/, 4);
    expect(registrations()).toEqual(['0', undefined, '3', '7']);
    expect(events).toEqual(['a at 127.0.0.1 0', 'b at 127.0.0.1 0']);
  });

  test('what is whole in the end is registered once more, as whole, and then it only lives', async () => {
    const tracker = await startTracker();
    const made = begin([tracker.address]);
    made.announce([{ ...contentOf('a'), haveCount: () => 1 }]);
    await until('a at 127.0.0.1 0');
    made.announce([contentOf('a')]);
    await tracker.told(/^REGISTER/, 2);
    await rounds.next();
    await tracker.told(/^ALIVE/, 2);
    await rounds.next();
    await tracker.told(/^ALIVE/, 3);
    const registrations = tracker.lines.filter((line) => line.startsWith('REGISTER'));
    expect(registrations.map((line) => line.includes(' have='))).toEqual([true, false]);
    expect(events).toEqual(['a at 127.0.0.1 0']);
  });

  test('TW20: a tracker that lost everything gets everything again in the round that finds it out', async () => {
    const tracker = await startTracker();
    begin([tracker.address]).announce([contentOf('a'), contentOf('b')]);
    await until('b at 127.0.0.1 0');
    tracker.script = (line) => (line.startsWith('ALIVE') ? 'ERR NOT_FOUND who?\n' : yes(line));
    await rounds.next();
    await tracker.told(/^REGISTER/, 4);
    await until('b at 127.0.0.1 0', 2);
    expect(events).not.toContain('lost 0 NETWORK');
  });

  test('TW20, NW5: a tracker that is gone is told of once, asked at growing pauses, and gets everything when it is back', async () => {
    const tracker = await startTracker();
    begin([tracker.address]).announce([contentOf('a')]);
    await until('a at 127.0.0.1 0');
    await tracker.close();
    await rounds.next();
    await until('lost 0 NETWORK');
    const pauses = [await rounds.next(), await rounds.next(), await rounds.next()];
    expect(pauses).toEqual([500, 1000, 2000]);
    await tracker.start();
    await rounds.next();
    await until('back 0');
    expect(events).toEqual(['a at 127.0.0.1 0', 'lost 0 NETWORK', 'a at 127.0.0.1 0', 'back 0']);
  });

  test('one dead tracker costs the others nothing', async () => {
    const [dead, good] = [await startTracker(), await startTracker()];
    dead.script = () => undefined;
    begin([dead.address, good.address]).announce([contentOf('a')]);
    await until('a at 127.0.0.1 1');
    await dead.told(/^REGISTER/);
    expect(events).toEqual(['a at 127.0.0.1 1']);
  });

  test('what is taken back is gone from the tracker, and the rest is there again', async () => {
    const tracker = await startTracker();
    const made = begin([tracker.address]);
    made.announce([contentOf('a'), contentOf('b')]);
    await until('b at 127.0.0.1 0');
    made.withdraw([contentOf('a')]);
    await until('b at 127.0.0.1 0', 2);
    const afterwards = tracker.lines.slice(tracker.lines.findIndex((line) => line.startsWith('UNREGISTER')));
    expect(afterwards.map((line) => line.split(' ').slice(0, 2).join(' '))).toEqual(['UNREGISTER *:5000', 'REGISTER b']);
  });

  test('a content that is refused is told once; where the tracker was only full it is asked again', async () => {
    const tracker = await startTracker();
    tracker.script = (line) =>
      line.startsWith('REGISTER a ') ? 'ERR DENIED no\n' : line.startsWith('REGISTER b ') ? 'ERR LIMIT full\n' : yes(line);
    begin([tracker.address]).announce([contentOf('a'), contentOf('b'), contentOf('c')]);
    await until('c at 127.0.0.1 0');
    await rounds.next();
    await tracker.told(/^REGISTER b /, 2);
    tracker.script = yes;
    await rounds.next();
    await until('b at 127.0.0.1 0');
    expect(events.slice().sort()).toEqual(['a DENIED', 'b LIMIT', 'b at 127.0.0.1 0', 'c at 127.0.0.1 0']);
    expect(tracker.lines.filter((line) => line.startsWith('REGISTER a '))).toHaveLength(1);
  });

  test('CR8: the end unregisters, and does not wait longer than its deadline for a connection that nobody answers', async () => {
    const good = await startTracker();
    const silent: HostPort = { host: '127.0.0.1', port: 1 };
    const dialer: Dialer = {
      dial: (to, timeoutMs, handlers) => (to === silent ? new Promise(() => undefined) : tcpDialer.dial(to, timeoutMs, handlers)),
    };
    const made = begin([silent, good.address], dialer);
    made.announce([contentOf('a')]);
    await until('a at 127.0.0.1 1');
    let isClosed = false;
    const closing = made.close().then(() => {
      isClosed = true;
    });
    await good.told(/^UNREGISTER \*:5000$/);
    expect(isClosed).toBe(false);
    for (const timer of [...rounds.timers.values()].filter((one) => one.name === 'goodbye')) {
      expect(timer.delayMs).toBe(UNREGISTER_DEADLINE_MS);
      timer.run();
    }
    await closing;
  });
});
