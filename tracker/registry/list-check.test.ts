/** What a peer's own list leaves of what is registered of it. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseFileName } from '../../common/core/file-name.js';
import { parsePeerAddress } from '../../common/core/peer-address.js';
import { type ContentRoot, parseContentRoot } from '../../common/core/root.js';
import { seededRandom } from '../testkit/manual-ports.js';
import { TICK_MS } from './peer.js';
import { Registry } from './registry.js';

const [ROOT, OTHER] = [parseContentRoot('a'.repeat(64)), parseContentRoot('b'.repeat(64))];
const TTL_MS = 60_000;
const AT = '192.0.2.1:4701';

class Bench {
  readonly registry = new Registry(
    { random: seededRandom(1) },
    { ttlMs: TTL_MS, entriesMaxCount: 1e6, sourceEntriesMaxCount: 1e6 },
  );

  register(
    name: string,
    nowMs: number,
    { root = ROOT, at = AT }: { root?: ContentRoot | undefined | null; at?: string } = {},
  ): void {
    const address = parsePeerAddress(at);
    this.registry.register(
      { ...row(name), root: root ?? undefined, haveChunks: undefined, load: undefined, address, source: address.ip },
      nowMs,
    );
  }

  check(fileCount: number, nowMs: number) {
    return this.registry.checkList(parsePeerAddress(AT), fileCount, nowMs);
  }

  /** Addresses and roots under a name. */
  holders(name: string, nowMs: number): string[] {
    const found = this.registry.lookup({ by: 'name', name: parseFileName(name) }, 50, nowMs);
    return found.map(({ peer, content }) => `${peer.key} ${content.root?.[0] ?? '-'}`).sort();
  }
}

const row = (name: string, root = ROOT) => ({ name: parseFileName(name), sizeBytes: 5, root });

describe('a check of a list', () => {
  test('is made where more is registered than the peer says it serves, and lives', () => {
    const bench = new Bench();
    expect(bench.check(0, 0)).toBeUndefined();
    bench.register('old', 0);
    bench.register('new', TTL_MS - 1000);
    expect(bench.check(1, TTL_MS - 500)).toBeDefined();
    expect(bench.check(2, TTL_MS - 500)).toBeUndefined();
    expect(bench.check(1, TTL_MS + 500)).toBeUndefined();
  });

  test('withdraws what is not listed: names, and roots under a name that stays', () => {
    const bench = new Bench();
    for (const name of ['kept', 'gone', 'both']) bench.register(name, 0);
    bench.register('both', 0, { root: OTHER });
    bench.register('plain', 0, { root: null });
    bench.register('gone', 0, { at: '192.0.2.2:4701' });
    const check = bench.check(3, 1000);
    for (const name of ['kept', 'both', 'plain', 'never heard of']) check?.saw(row(name));
    expect(check?.withdrawUnseen(1000)).toBe(2);
    expect(bench.holders('kept', 1000)).toEqual([`${AT} a`]);
    expect(bench.holders('gone', 1000)).toEqual(['192.0.2.2:4701 a']);
    expect(bench.holders('both', 1000)).toEqual([`${AT} a`]);
    expect(bench.holders('plain', 1000)).toEqual([`${AT} -`]);
  });

  test('leaves what was registered, or registered again, since it began', () => {
    const bench = new Bench();
    for (const name of ['again', 'gone']) bench.register(name, 0);
    const check = bench.check(0, 1000);
    bench.register('again', 1000);
    bench.register('new', 1000 + TICK_MS);
    expect(check?.withdrawUnseen(2000)).toBe(1);
    expect(bench.holders('again', 2000)).toEqual([`${AT} a`]);
    expect(bench.holders('new', 2000)).toEqual([`${AT} a`]);
    expect(bench.registry.counts.entries).toBe(2);
  });

  test('changes nothing of a peer that went meanwhile, and of who came in its place', () => {
    const bench = new Bench();
    bench.register('gone', 0);
    const check = bench.check(0, 1000);
    bench.registry.unregister(parsePeerAddress(AT), 1000);
    bench.register('gone', 1000);
    bench.register('gone', 1000, { at: '192.0.2.2:4701' });
    check?.saw(row('gone'));
    expect(check?.withdrawUnseen(1000)).toBe(0);
    expect(bench.holders('gone', 1000)).toEqual([`${AT} a`, '192.0.2.2:4701 a']);
  });

  test('for any registrations before and since, of this peer and another, and any list', () => {
    const names = fc.uniqueArray(fc.integer({ min: 0, max: 12 }).map((at) => `n${at}`));
    fc.assert(
      fc.property(names, names, names, names, names, (before, since, taken, others, listed) => {
        const bench = new Bench();
        for (const name of before) bench.register(name, 0);
        const check = bench.check(-1, 1000);
        for (const name of taken) bench.registry.withdraw(parseFileName(name), parsePeerAddress(AT), undefined, 1000);
        for (const name of others) bench.register(name, 1000, { at: '192.0.2.2:4701' });
        for (const name of since) bench.register(name, 1000);
        for (const name of listed) check?.saw(row(name));
        check?.withdrawUnseen(2000);
        for (let at = 0; at <= 12; at += 1) {
          const name = `n${at}`;
          const isHere = since.includes(name) || (before.includes(name) && !taken.includes(name) && listed.includes(name));
          const expected = [...(isHere ? [`${AT} a`] : []), ...(others.includes(name) ? ['192.0.2.2:4701 a'] : [])];
          expect(bench.holders(name, 2000)).toEqual(expected);
        }
      }),
    );
  });
});
