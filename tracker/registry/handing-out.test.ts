/** Whom a LOOKUP names first: the least loaded, and everybody in turn. */
import { describe, expect, test } from '@jest/globals';
import { parseFileName } from '../../common/core/file-name.js';
import { formatPeerAddress, parsePeerAddress, sourceOf } from '../../common/core/peer-address.js';
import { seededRandom } from '../testkit/manual-ports.js';
import { Registry } from './registry.js';

const CHUNK = 524_288;
const TTL_MS = 60_000;
const INTERVAL_MS = 30_000;
const name = parseFileName('a');

class Swarm {
  readonly registry = new Registry(
    { random: seededRandom(3) },
    { ttlMs: TTL_MS, intervalMs: INTERVAL_MS, entriesMaxCount: 1e6, sourceEntriesMaxCount: 1e6 },
  );

  hold(at: string, load?: number, haveChunks?: number): void {
    const address = parsePeerAddress(at);
    const source = sourceOf(address.ip);
    this.registry.register({ name, sizeBytes: 4 * CHUNK, root: undefined, haveChunks, load, address, source }, 0);
  }

  lookup(maxCount = 50, nowMs = 0): string[] {
    return this.registry.lookup({ by: 'name', name }, maxCount, nowMs).map(({ peer }) => peer.key);
  }

  /** How often each peer is named first. */
  firsts(lookupCount: number, maxCount = 50): Map<string, number> {
    const counts = new Map<string, number>();
    for (let run = 0; run < lookupCount; run += 1) {
      const [first = ''] = this.lookup(maxCount);
      counts.set(first, (counts.get(first) ?? 0) + 1);
    }
    return counts;
  }
}

describe('handing out', () => {
  test.each([
    ['of four hosts', ['192.0.2.1:1', '192.0.2.2:1', '192.0.2.3:1', '192.0.2.4:1'], 50],
    ['of one host', ['192.0.2.1:1', '192.0.2.1:2', '192.0.2.1:3', '192.0.2.1:4'], 50],
    ['where the reply has one row', ['192.0.2.1:1', '192.0.2.2:1', '192.0.2.3:1', '192.0.2.4:1'], 1],
  ])('20 lookups at once name each of 4 equal holders first 5 times: %s', (_, holders, maxCount) => {
    for (const load of [undefined, 0, 70]) {
      const swarm = new Swarm();
      for (const at of holders) swarm.hold(at, load);
      expect([...swarm.firsts(20, maxCount).values()]).toEqual([5, 5, 5, 5]);
    }
  });

  test('each turn is another order: chance decides among equals', () => {
    const swarm = new Swarm();
    for (let at = 1; at <= 4; at += 1) swarm.hold(`192.0.2.${at}:1`);
    const orders = new Set<string>();
    for (let turn = 0; turn < 40; turn += 1) {
      orders.add(Array.from({ length: 4 }, () => swarm.lookup()[0]).join(' '));
    }
    expect(orders.size).toBeGreaterThan(10);
  });

  test('the less loaded are named more often, by as much as they have less to do', () => {
    const swarm = new Swarm();
    for (const [at, load] of [0, 24, 48, 96].entries()) swarm.hold(`192.0.2.${at + 1}:1`, load);
    const counts = swarm.firsts(20);
    const byLoad = [1, 2, 3, 4].map((at) => counts.get(`192.0.2.${at}:1`) ?? 0);
    // Being named once is 12 of 100: 20 times are poured in like water, up to a level of 104.
    expect(byLoad[0]).toBeGreaterThanOrEqual(8);
    expect(byLoad).toEqual([...byLoad].sort((a, b) => b - a));
    expect(byLoad[3]).toBeLessThanOrEqual(1);
    expect(byLoad.reduce((sum, count) => sum + count, 0)).toBe(20);
  });

  test('of 1,000 holders nobody is named to everyone, neither first nor at all', () => {
    const swarm = new Swarm();
    for (let at = 0; at < 1000; at += 1) swarm.hold(`10.0.${at % 250}.${1 + Math.floor(at / 250)}:1`);
    const [firsts, rows] = [new Map<string, number>(), new Map<string, number>()];
    for (let run = 0; run < 1000; run += 1) {
      for (const [place, key] of swarm.lookup().entries()) {
        rows.set(key, (rows.get(key) ?? 0) + 1);
        if (place === 0) firsts.set(key, (firsts.get(key) ?? 0) + 1);
      }
    }
    // 1 and 50 of 1,000 are even. Each reply is drawn from 256 of them, so one whose turn has not come yet is in every fourth.
    expect(Math.max(...firsts.values())).toBeLessThanOrEqual(3);
    expect(Math.max(...rows.values())).toBeLessThan(256);
    expect(rows.size).toBe(1000);
  });

  test('a peer with a part is named after all who have everything, however often those were named', () => {
    const swarm = new Swarm();
    swarm.hold('192.0.2.1:1', 100);
    swarm.hold('192.0.2.2:1', 0, 1);
    expect([...swarm.firsts(1000).keys()]).toEqual(['192.0.2.1:1']);
  });

  test('what a peer says ends what was only expected of it', () => {
    const swarm = new Swarm();
    swarm.hold('192.0.2.1:1', 10);
    swarm.hold('192.0.2.2:1', 20);
    swarm.firsts(10);
    swarm.registry.alive(parsePeerAddress('192.0.2.1:1'), { load: 11 }, 0);
    expect(swarm.lookup()[0]).toBe('192.0.2.1:1');
    swarm.registry.probed(parsePeerAddress('192.0.2.2:1'), 0, 0);
    expect(swarm.lookup()[0]).toBe('192.0.2.2:1');
  });

  test('those who are handed out and have not told their load for an interval are to be asked, each once an interval', () => {
    const swarm = new Swarm();
    for (let at = 1; at <= 20; at += 1) swarm.hold(`192.0.2.${at}:1`, 0);
    swarm.firsts(10, 1);
    const stale = (nowMs: number, maxCount = 100) => swarm.registry.staleLoads(nowMs, maxCount).map(formatPeerAddress);
    expect(stale(INTERVAL_MS - 100)).toEqual([]);
    const asked = [...stale(INTERVAL_MS, 4), ...stale(INTERVAL_MS, 4), ...stale(INTERVAL_MS, 4)];
    expect(asked).toHaveLength(10);
    expect(new Set(asked).size).toBe(10);
    expect(stale(INTERVAL_MS)).toEqual([]);
    for (const at of asked.slice(0, 5)) swarm.registry.probed(parsePeerAddress(at), undefined, INTERVAL_MS);
    expect(swarm.registry.drop(parsePeerAddress(asked[5] ?? ''), INTERVAL_MS)).toBe(1);
    // Asking prolongs nothing: nobody has said a word for a ttl.
    expect(stale(2 * INTERVAL_MS)).toEqual([]);
  });
});
