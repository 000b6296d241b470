import { expect, test } from '@jest/globals';
import type { Why } from '../fetch/verdict.js';
import { whyTable } from './why-table.js';

const why: Why = {
  limiter: 'peers',
  peer: null,
  share: 0.8,
  text: 'limited by …',
  totalMs: 12_500,
  spentMs: { lookup: 3, connect: 97, check: 0, 'no-peer': 0, peers: 10_000, limit: 0, landing: 2000, sync: 400 },
  work: { landedCount: 2048, openMs: 10, hashMs: 700, writeMs: 1490, queueMs: 75, syncMs: 900 },
  peers: [
    {
      address: '10.0.0.1:4711',
      heldMs: 5000,
      waitMs: 900,
      receiveMs: 8900,
      heldBackMs: 200,
      starvedMs: 700,
      freshCount: 2,
      roundTripMs: 1.26,
    },
    { address: '10.0.0.3:4', heldMs: 124, waitMs: 500, receiveMs: 0, heldBackMs: 0, starvedMs: 0, freshCount: 1, roundTripMs: 1 },
    {
      address: '[fd00::2]:5',
      heldMs: 126,
      waitMs: 500,
      receiveMs: 0,
      starvedMs: 0,
      heldBackMs: 0,
      freshCount: 0,
      roundTripMs: null,
    },
  ],
  load: { loopBusyMs: 1250, loopDelayP99Ms: 2.4, loopDelayMaxMs: 17.6, coreCount: 2, coresBusyMs: 5000, ownBusyMs: 4000 },
};

test('the table says of each stage, of the work and of each peer where the time went', () => {
  expect(whyTable(why, (address) => (address === '10.0.0.1:4711' ? 1024 ** 3 : 0))).toBe(`stage      time  share  meaning
lookup     3 ms    0 %  trackers were asked
connect   97 ms    1 %  the manifest came from a peer
check      0 ms    0 %  what was here before was hashed
no-peer    0 ms    0 %  nobody was connected who had what was missing and time for it
peers      10 s   80 %  peers had requests open, and the rest waited for them
limit      0 ms    0 %  your rate limit (--limit-down) held the peers back
landing   2.0 s   16 %  peers were ready, and waited for hashing and writing
sync     400 ms    3 %  only the disk was at work, making it last
all        13 s  100 %

work           time  meaning
hash         700 ms  2048 chunks checked, over all threads
write         1.5 s  written, files opened
queue         75 ms  chunks waited for a thread
sync         900 ms  made last, while the fetch went on or after it
main thread   1.3 s  10 % busy; late by 18 ms at most, 99 % below 2 ms
cores         5.0 s  20 % of 2 busy, with all that runs here

peer           brought  held up  waited  received         rate  round trip  limited  no slot
10.0.0.1:4711    1 GiB    5.0 s  900 ms     8.9 s  102.3 MiB/s      1.3 ms   200 ms   700 ms
[fd00::2]:5        0 B   126 ms  500 ms      0 ms        0 B/s           -     0 ms     0 ms
`);
});

test('without peers and without a watch on the machine it says less', () => {
  const text = whyTable({ ...why, peers: [], load: null }, () => 0);
  expect(text).toMatch(/^sync +900 ms .*\n$/m);
  expect(text).not.toMatch(/main thread|^peer /m);
});
