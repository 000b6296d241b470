import { describe, expect, test } from '@jest/globals';
import type { LoadReading } from '../../common/ports/load.js';
import type { PeerTimes, StageReport, WorkTimes } from './stage-times.js';
import { explain } from './verdict.js';

const IDLE: LoadReading = {
  loopBusyMs: 100,
  loopDelayP99Ms: 1,
  loopDelayMaxMs: 5,
  coreCount: 2,
  coresBusyMs: 2000,
  ownBusyMs: 1500,
};

function peer(address: string, heldMs: number, more: Partial<PeerTimes> = {}): PeerTimes {
  return { address, heldMs, waitMs: 0, receiveMs: 0, starvedMs: 0, heldBackMs: 0, freshCount: 0, roundTripMs: null, ...more };
}

/** A fetch of ten seconds; what is not spent otherwise is spent on peers. */
function report(
  spent: Partial<StageReport['spentMs']>,
  work: Partial<WorkTimes> = {},
  peers: readonly PeerTimes[] = [],
): StageReport {
  const rest = 10_000 - Object.values(spent).reduce((sum, ms) => sum + ms, 0);
  const none = { lookup: 0, connect: 0, check: 0, 'no-peer': 0, peers: rest, limit: 0, landing: 0, sync: 0 };
  return {
    totalMs: 10_000,
    spentMs: { ...none, ...spent },
    work: { landedCount: 100, openMs: 0, hashMs: 0, writeMs: 0, queueMs: 0, syncMs: 0, ...work },
    peers,
  };
}

describe('the verdict on a fetch', () => {
  test.each<[string, StageReport, string, string]>([
    [
      'our own limit',
      report({ limit: 9300 }),
      'rate-limit',
      'limited by your rate limit (--limit-down): 93 % of the time it held the peers back',
    ],
    [
      'a slow disk',
      report({ landing: 7100 }, { hashMs: 500, writeMs: 6000 }),
      'disk',
      'limited by the disk written to: 71 % of the time chunks waited for it',
    ],
    [
      'a disk that is slow to open files',
      report({ landing: 7100 }, { openMs: 6000, hashMs: 500, writeMs: 10 }),
      'disk',
      'limited by the disk written to: 71 % of the time chunks waited for it',
    ],
    [
      'a disk that is slow to make it last',
      report({ landing: 1000, sync: 5000 }, { writeMs: 800 }),
      'disk',
      'limited by the disk written to: 60 % of the time it was making last what was written',
    ],
    [
      'slow hashing',
      report({ landing: 7100 }, { hashMs: 6000, writeMs: 500 }),
      'processor',
      'limited by the processor: 71 % of the time chunks waited to be checked',
    ],
    [
      'nobody',
      report({ 'no-peer': 6400 }),
      'no-peer',
      'limited by a lack of peers: 64 % of the time nobody was connected who had what was missing and time for it',
    ],
    ['the trackers', report({ lookup: 8000 }), 'lookup', 'limited by the trackers: the lookup took 80 % of the time'],
    [
      'the manifest',
      report({ connect: 6000 }),
      'manifest',
      'limited by the manifest: to get it from a peer took 60 % of the time',
    ],
    ['the check', report({ check: 6000 }), 'check', 'limited by the check of what was here before: it took 60 % of the time'],
    [
      'all peers',
      report({}, {}, [peer('10.0.0.1:5', 5000), peer('10.0.0.2:5', 5000)]),
      'peers',
      'limited by the peers or the network to them: 100 % of the time everything else waited for them',
    ],
    [
      'one peer among several',
      report({ sync: 1000 }, {}, [peer('10.0.0.1:5', 1000), peer('10.0.0.2:5', 7000), peer('10.0.0.3:5', 1000)]),
      'peer',
      'limited by peer 10.0.0.2:5 or the way to it: 70 % of the time everything waited for it',
    ],
  ])('%s', (_, times, limiter, text) => {
    expect(explain(times, IDLE)).toMatchObject({ limiter, text, ...times, load: IDLE });
    expect(explain(times, undefined)).toMatchObject({ limiter, text, load: null });
  });

  test.each<[string, Partial<PeerTimes>, RegExp]>([
    [
      'slow to begin',
      { waitMs: 9000, receiveMs: 500 },
      /, which was slow to begin its replies \(its disk, or others that it serves\)$/,
    ],
    ['slow to send', { waitMs: 500, receiveMs: 9000 }, /, whose bytes came slowly \(its uplink or the network\)$/],
    ['a bit of both', { waitMs: 4000, receiveMs: 5000 }, /waited for it$/],
    ['far away, which is no hesitation', { waitMs: 4000, receiveMs: 1000, freshCount: 20, roundTripMs: 200 }, /came slowly/],
    ['silent', {}, /waited for it$/],
  ])('a peer that is %s', (_, more, text) => {
    const why = explain(report({}, {}, [peer('10.0.0.1:5', 10_000, more)]), IDLE);
    expect(why).toMatchObject({ limiter: 'peer', peer: '10.0.0.1:5', share: 1 });
    expect(why.text).toMatch(text);
  });

  describe('where the processor has nothing left to give', () => {
    const allCores = { ...IDLE, coresBusyMs: 19_500, ownBusyMs: 9000 };
    const others = { ...IDLE, coresBusyMs: 19_500, ownBusyMs: 1000 };
    const oneThread = { ...IDLE, loopBusyMs: 9400 };

    test('by other programs, while the fetch itself would use little of it, the peers are what it waits for', () => {
      expect(explain(report({}), others)).toMatchObject({ limiter: 'peers' });
    });

    test.each([
      ['peers that share this machine', report({})],
      ['writing', report({ landing: 9000 }, { writeMs: 9000 })],
      ['hashing', report({ landing: 9000 }, { hashMs: 9000 })],
    ])('%s only waited for it', (_, times) => {
      expect(explain(times, allCores)).toMatchObject({
        limiter: 'processor',
        text: 'limited by the processor: all cores of this machine (2) were busy 98 % of the time',
      });
      expect(explain(times, oneThread)).toMatchObject({
        limiter: 'processor',
        text: 'limited by the processor: the thread that reads from the network was busy 94 % of the time',
      });
    });

    test.each([
      ['a limit that was asked for', report({ limit: 9000 }), 'rate-limit'],
      ['a disk that is making data last', report({ sync: 9000 }), 'disk'],
      ['nobody being there', report({ 'no-peer': 9000 }), 'no-peer'],
      ['trackers', report({ lookup: 9000 }), 'lookup'],
    ])('%s still limits', (_, times, limiter) => {
      expect(explain(times, allCores)).toMatchObject({ limiter });
    });
  });

  test('of a moment nothing is said', () => {
    const short = { ...report({}), totalMs: 99 };
    expect(explain(short, IDLE)).toMatchObject({ limiter: 'short', share: 0, text: 'too short to tell what limited it' });
    expect(explain({ ...short, totalMs: 100 }, undefined).limiter).toBe('peers');
  });
});
