import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { parseFileName } from '../../common/core/file-name.js';
import { UNREGISTER_DEADLINE_MS, UNREGISTER_UNKNOWN_DEADLINE_MS } from '../../common/core/limits.js';
import type { HostPort } from '../../common/core/peer-address.js';
import { parseContentRoot } from '../../common/core/root.js';
import { tcpDialer } from '../../common/node/tcp.js';
import type { Clock } from '../../common/ports/clock.js';
import type { Dialer } from '../../common/ports/net.js';
import { ScriptedTracker, yes } from '../testkit/scripted-tracker.js';
import { type AnnouncedState, type Announcement, Announcer } from './announcer.js';

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

  delaysOf(name: string): number[] {
    return [...this.timers.values()].filter((timer) => timer.name === name).map(({ delayMs }) => delayMs);
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

let state: AnnouncedState | undefined;
let rounds: Rounds;
let events: string[];
let wakes: Set<() => void>;
let trackers: ScriptedTracker[];
let announcer: Announcer | undefined;

beforeEach(() => {
  state = undefined;
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
      ...(state === undefined ? {} : { state: () => state ?? {} }),
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
    await tracker.told(/^ALIVE \*:5000 files=2$/);
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

  test('TW20: a tracker that lost a part gets everything again, once for each loss', async () => {
    const tracker = await startTracker();
    begin([tracker.address]).announce([contentOf('a'), contentOf('b'), contentOf('c')]);
    await until('c at 127.0.0.1 0');
    const roundsWith = async (fileCount: number, count: number) => {
      tracker.script = (line) => (line.startsWith('ALIVE') ? `OK interval=30 ttl=60 files=${fileCount}\n` : yes(line));
      const toldCount = tracker.lines.filter((line) => line.startsWith('ALIVE')).length;
      for (let round = 1; round <= count; round += 1) {
        await rounds.next();
        await tracker.told(/^ALIVE/, toldCount + round);
      }
      return tracker.lines.filter((line) => line.startsWith('REGISTER')).length;
    };
    expect(await roundsWith(3, 2)).toBe(3);
    await roundsWith(2, 1);
    await until('c at 127.0.0.1 0', 2);
    // What it keeps leaving out it is not told in each round.
    expect(await roundsWith(2, 3)).toBe(6);
    expect(await roundsWith(4, 1)).toBe(6);
    await roundsWith(1, 1);
    await until('c at 127.0.0.1 0', 3);
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
    const { root } = contentOf('a');
    await tracker.told(/^ALIVE/);
    expect(tracker.lines.slice(2)).toEqual([`WITHDRAW a *:5000 root=${root}`, 'ALIVE *:5000 files=1']);
    // Shared once more, it is there once more.
    made.announce([contentOf('a')]);
    await until('a at 127.0.0.1 0', 2);
    expect(tracker.lines.filter((line) => line.startsWith('WITHDRAW'))).toHaveLength(1);
  });

  test('what is taken back is gone from a tracker that knows no WITHDRAW too, and the rest is there again', async () => {
    const tracker = await startTracker();
    tracker.script = (line) => (line.startsWith('WITHDRAW') ? 'ERR UNKNOWN_COMMAND Known commands: REGISTER.\n' : yes(line));
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
    // One that has answered is waited for; of the others nothing is known, not even whether they are alive.
    expect(rounds.delaysOf('goodbye')).toContain(UNREGISTER_UNKNOWN_DEADLINE_MS);
    await rounds.next('goodbye');
    await closing;
  });

  test('CR8: what was taken back just before the end is gone too', async () => {
    const tracker = await startTracker();
    const made = begin([tracker.address]);
    made.announce([contentOf('a')]);
    await until('a at 127.0.0.1 0');
    made.withdraw([contentOf('a')]);
    await made.close();
    expect(tracker.lines.at(-1)).toBe('UNREGISTER *:5000');
  });

  test('CR8: one that falls silent after it has answered costs the end no more than the deadline', async () => {
    const tracker = await startTracker();
    const made = begin([tracker.address]);
    made.announce([contentOf('a')]);
    await until('a at 127.0.0.1 0');
    tracker.script = () => undefined;
    const closing = made.close();
    await tracker.told(/^UNREGISTER/);
    expect(rounds.delaysOf('goodbye')).toEqual([UNREGISTER_DEADLINE_MS]);
    await rounds.next('goodbye');
    await closing;
  });
});

describe('what a peer tells of itself', () => {
  test('goes with every registration and every sign of life; one without content and wishes stays unknown', async () => {
    const tracker = await startTracker();
    state = { load: 7 };
    const made = begin([tracker.address]);
    made.announce([contentOf('a')]);
    await until('a at 127.0.0.1 0');
    await rounds.next();
    await tracker.told(/^ALIVE/);
    expect(tracker.lines[0]).toMatch(/ load=7$/);
    expect(tracker.lines.slice(1)).toEqual(['ALIVE *:5000 load=7 files=1']);
  });

  test('makes it known without a content where it accepts pushes or has a group, until it says goodbye', async () => {
    const tracker = await startTracker();
    state = { load: 1, acceptBytes: 5000, group: 'lab' };
    const made = begin([tracker.address]);
    await tracker.told(/^JOIN/);
    await rounds.next();
    await tracker.told(/^ALIVE/);
    await made.close();
    expect(tracker.lines).toEqual([
      'JOIN *:5000 load=1 accept=5000 group=lab',
      'ALIVE *:5000 load=1 accept=5000',
      'UNREGISTER *:5000',
    ]);
  });

  test('is told to a tracker that knows no JOIN with its contents alone, and nobody hears of it', async () => {
    const tracker = await startTracker();
    tracker.script = (line) => (line.startsWith('JOIN') ? 'ERR UNKNOWN_COMMAND Known commands: REGISTER.\n' : yes(line));
    state = { acceptBytes: 5000 };
    begin([tracker.address]).announce([contentOf('a')]);
    await until('a at 127.0.0.1 0');
    await rounds.next();
    await tracker.told(/^ALIVE/);
    expect(tracker.lines.filter((line) => line.startsWith('JOIN'))).toHaveLength(1);
    expect(events).toEqual(['a at 127.0.0.1 0']);
  });

  test.each(['UNKNOWN_COMMAND', 'LIMIT'])(
    'is not told again at each look to a tracker that answers JOIN with %s',
    async (code) => {
      const tracker = await startTracker();
      tracker.script = (line) => (line.startsWith('JOIN') ? `ERR ${code} no\n` : yes(line));
      state = { load: 0, acceptBytes: 5000, group: 'lab' };
      begin([tracker.address]).announce([contentOf('a')]);
      await until('a at 127.0.0.1 0');
      const lines = [...tracker.lines];
      await rounds.next('state');
      await rounds.next('state');
      state = { ...state, load: 90 };
      await rounds.next('state');
      await tracker.told(/^ALIVE/);
      const again = code === 'LIMIT' ? [expect.stringMatching(/^JOIN/)] : [];
      expect(tracker.lines).toEqual([...lines, ...again, 'ALIVE *:5000 load=90 accept=5000 files=1']);
    },
  );

  test('TW20: a tracker that restarted is told again that it is there', async () => {
    const tracker = await startTracker();
    state = { group: 'lab' };
    begin([tracker.address]);
    await tracker.told(/^JOIN/);
    tracker.script = (line) => (line.startsWith('ALIVE') ? 'ERR NOT_FOUND who?\n' : yes(line));
    await rounds.next();
    await tracker.told(/^JOIN/, 2);
    expect(tracker.lines).toEqual(['JOIN *:5000 group=lab', 'ALIVE *:5000', 'JOIN *:5000 group=lab']);
  });

  test('is told before the next round where it changed by a lot, and not for a little', async () => {
    const tracker = await startTracker();
    state = { load: 0 };
    begin([tracker.address]).announce([contentOf('a')]);
    await until('a at 127.0.0.1 0');
    state = { load: 39 };
    expect(await rounds.next('state')).toBe(3000);
    state = { load: 90 };
    await rounds.next('state');
    await tracker.told(/^ALIVE/);
    expect(tracker.lines.slice(1)).toEqual(['ALIVE *:5000 load=90 files=1']);
    state = { load: 100 };
    await rounds.next('state');
    state = { load: 0 };
    await rounds.next('state');
    await tracker.told(/^ALIVE/, 2);
    expect(tracker.lines.slice(2)).toEqual(['ALIVE *:5000 load=0 files=1']);
  });
});
