import { describe, expect, test } from '@jest/globals';
import { parseFileName } from '../../common/core/file-name.js';
import { parsePeerAddress, sourceOf } from '../../common/core/peer-address.js';
import { parseContentRoot } from '../../common/core/root.js';
import type { ContentRef } from '../../common/wire/peer-lines.js';
import { seededRandom } from '../testkit/manual-ports.js';
import { Registry, type RegistryOptions } from './registry.js';

const TTL_MS = 60_000;
const CHUNK = 524_288;
const rootA = parseContentRoot('a'.repeat(64));
const rootB = parseContentRoot('b'.repeat(64));

interface Given {
  readonly name?: string;
  readonly sizeBytes?: number;
  readonly root?: typeof rootA;
  readonly have?: number;
  readonly load?: number;
  readonly at?: string;
  readonly nowMs?: number;
}

class Bench {
  readonly registry: Registry;
  constructor(options: Partial<RegistryOptions> = {}) {
    const all = { ttlMs: TTL_MS, entriesMaxCount: 1e6, sourceEntriesMaxCount: 1e6, ...options };
    this.registry = new Registry({ random: seededRandom(1) }, all);
  }

  register({ name = 'a', sizeBytes = 4 * CHUNK, root, have, load, at = '192.0.2.1:5000', nowMs = 0 }: Given = {}): boolean {
    const address = parsePeerAddress(at);
    const source = sourceOf(address.ip);
    return this.registry.register({ name: parseFileName(name), sizeBytes, root, haveChunks: have, load, address, source }, nowMs);
  }

  lookup(what: string | typeof rootA = 'a', maxCount = 50, nowMs = 0): string[] {
    const ref: ContentRef =
      what.length === 64 ? { by: 'root', root: parseContentRoot(what) } : { by: 'name', name: parseFileName(what) };
    return this.registry.lookup(ref, maxCount, nowMs).map(({ peer, content }) => `${peer.key} ${content.sizeBytes}`);
  }

  alive(at: string, nowMs: number, load?: number): boolean {
    return this.registry.alive(parsePeerAddress(at), { load }, nowMs) !== undefined;
  }
}

describe('registry', () => {
  test('TW11: the same registration a million times is one entry, refreshed', () => {
    const bench = new Bench();
    expect(bench.register()).toBe(true);
    let newCount = 0;
    for (let run = 0; run < 1_000_000; run += 1) if (bench.register({ nowMs: run / 100 })) newCount += 1;
    expect(newCount).toBe(0);
    bench.register({ nowMs: 50_000 });
    expect(bench.registry.counts).toEqual({ entries: 1, peers: 1, names: 1, sources: 1 });
    expect(bench.lookup('a', 50, 50_000 + TTL_MS - 100)).toHaveLength(1);
    expect(bench.lookup('a', 50, 50_000 + TTL_MS)).toHaveLength(0);
  });

  test('TW12: sizes and roots under one name are contents of their own, and a stranger changes none of them', () => {
    const bench = new Bench();
    bench.register({ root: rootA });
    bench.register({ root: rootB, at: '192.0.2.2:5000' });
    bench.register({ sizeBytes: 7, root: rootA, at: '192.0.2.3:5000' });
    bench.register({ at: '192.0.2.4:5000' });
    const rows = bench.registry.lookup({ by: 'name', name: parseFileName('a') }, 50, 0);
    expect(rows.map(({ peer, content }) => [peer.address.ip, content.sizeBytes, content.root]).sort()).toEqual([
      ['192.0.2.1', 4 * CHUNK, rootA],
      ['192.0.2.2', 4 * CHUNK, rootB],
      ['192.0.2.3', 7, rootA],
      ['192.0.2.4', 4 * CHUNK, undefined],
    ]);
    expect(bench.lookup(rootA).sort()).toEqual([`192.0.2.1:5000 ${4 * CHUNK}`, '192.0.2.3:5000 7']);
  });

  test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])('TW13: %s is an ordinary name', (name) => {
    const bench = new Bench();
    expect(bench.lookup(name)).toEqual([]);
    bench.register({ name });
    expect(bench.lookup(name)).toHaveLength(1);
  });

  test('ALIVE prolongs everything of an address, and says when there is nothing left', () => {
    const bench = new Bench();
    bench.register({ name: 'a' });
    bench.register({ name: 'b', nowMs: 30_000 });
    expect(bench.alive('192.0.2.1:5000', 50_000)).toBe(true);
    expect(bench.lookup('a', 50, 100_000)).toHaveLength(1);
    expect(bench.alive('192.0.2.1:5001', 50_000)).toBe(false);
    expect(bench.alive('192.0.2.1:5000', 110_000)).toBe(false);
    expect(bench.lookup('a', 50, 110_000)).toHaveLength(0);
  });

  test('what has ended never comes back by an ALIVE that another registration allowed', () => {
    const bench = new Bench();
    bench.register({ name: 'a' });
    bench.register({ name: 'b', nowMs: 50_000 });
    expect(bench.alive('192.0.2.1:5000', 70_000)).toBe(true);
    expect(bench.lookup('a', 50, 70_000)).toHaveLength(0);
    expect(bench.lookup('b', 50, 129_900)).toHaveLength(1);
  });

  test('UNREGISTER forgets an address and no other, and counts what was alive', () => {
    const bench = new Bench();
    bench.register({ name: 'old' });
    bench.register({ name: 'a', nowMs: 59_000 });
    bench.register({ name: 'b', nowMs: 59_000 });
    bench.register({ name: 'a', nowMs: 59_000, at: '192.0.2.1:5001' });
    expect(bench.registry.unregister(parsePeerAddress('192.0.2.1:5000'), 60_000)).toBe(2);
    expect(bench.registry.unregister(parsePeerAddress('192.0.2.1:5000'), 60_000)).toBe(0);
    expect(bench.lookup('a', 50, 60_000)).toEqual([`192.0.2.1:5001 ${4 * CHUNK}`]);
    expect(bench.registry.counts).toEqual({ entries: 1, peers: 1, names: 1, sources: 1 });
  });

  test('the best come first: complete before partial, then lower load, an unknown load in the middle', () => {
    const bench = new Bench();
    bench.register({ at: '192.0.2.1:1', have: 3, load: 0 });
    bench.register({ at: '192.0.2.1:2', load: 80 });
    bench.register({ at: '192.0.2.1:3', have: 4, load: 10 });
    bench.register({ at: '192.0.2.1:4' });
    bench.register({ at: '192.0.2.1:5', have: 1 });
    expect(bench.lookup().map((row) => row.split(' ')[0]?.split(':')[1])).toEqual(['3', '4', '2', '1', '5']);
    bench.alive('192.0.2.1:2', 0, 5);
    bench.register({ at: '192.0.2.1:1', have: 4 });
    expect(bench.lookup('a', 3).map((row) => row.split(' ')[0]?.split(':')[1])).toEqual(['1', '2', '3']);
  });

  test('equal peers are drawn by chance, so that all of them are found', () => {
    const bench = new Bench();
    for (let port = 1; port <= 200; port += 1) bench.register({ at: `192.0.2.1:${port}` });
    const seen = new Set<string>();
    for (let run = 0; run < 100; run += 1) for (const row of bench.lookup('a', 10)) seen.add(row);
    expect(seen.size).toBe(200);
  });

  test('several contents of a name share the rows', () => {
    const bench = new Bench();
    for (let port = 1; port <= 300; port += 1) bench.register({ at: `192.0.2.1:${port}`, root: rootA, load: 0 });
    bench.register({ at: '192.0.2.2:1', root: rootB, load: 100 });
    const rows = bench.registry.lookup({ by: 'name', name: parseFileName('a') }, 10, 0);
    expect(rows).toHaveLength(10);
    expect(rows.filter(({ content }) => content.root === rootB)).toHaveLength(1);
    expect(bench.lookup('a', 100)).toHaveLength(100);
  });

  test('TW15: of 100,000 peers a bounded sample is given, and a flood from two hosts hides nobody', () => {
    const bench = new Bench();
    for (let port = 1; port <= 49_980; port += 1)
      for (const host of ['192.0.2.66', '192.0.2.67']) bench.register({ at: `${host}:${port}`, load: 0 });
    for (let host = 0; host < 40; host += 1) bench.register({ at: `10.0.0.${host}:5000`, load: 90 });
    expect(bench.registry.counts.entries).toBe(100_000);
    for (let run = 0; run < 20; run += 1) {
      const rows = bench.lookup('a', 50);
      expect(rows).toHaveLength(50);
      expect(rows.filter((row) => row.startsWith('10.')).length).toBe(40);
    }
  });

  test('OV2: one source meets its cap, others go on', () => {
    const bench = new Bench({ sourceEntriesMaxCount: 100 });
    for (let at = 0; at < 100; at += 1) bench.register({ name: `f${at}` });
    expect(() => bench.register({ name: 'one more' })).toThrow('registrations, the most');
    expect(bench.register({ name: 'f7' })).toBe(false);
    expect(bench.register({ name: 'one more', at: '192.0.2.2:5000' })).toBe(true);
    expect(bench.lookup('f50')).toHaveLength(1);
  });

  test('one source brings up a bounded number of contents under one name; another is still seen among them', () => {
    const bench = new Bench();
    for (let size = 1; size <= 32; size += 1) bench.register({ sizeBytes: size, at: '192.0.2.66:5000' });
    expect(() => bench.register({ sizeBytes: 33, at: '192.0.2.66:5001' })).toThrow('too many different contents');
    bench.register({ sizeBytes: 999 });
    expect(bench.lookup('a', 50)).toContain('192.0.2.1:5000 999');
    expect(bench.registry.counts.entries).toBe(33);
  });

  test('a root under many names is one row for each holder', () => {
    const bench = new Bench();
    for (let at = 0; at < 500; at += 1) bench.register({ name: `empty-${at}`, sizeBytes: 0, root: rootA });
    bench.register({ name: 'other', sizeBytes: 0, root: rootA, at: '192.0.2.2:5000' });
    expect(bench.lookup(rootA).sort()).toEqual(['192.0.2.1:5000 0', '192.0.2.2:5000 0']);
  });

  test('TW20: sweeping gives all memory of ended leases back, a bounded piece at a time, and leaves the living alone', () => {
    const bench = new Bench();
    for (let at = 0; at < 1000; at += 1) bench.register({ name: `f${at}`, at: `192.0.2.${at % 10}:${5000 + (at % 7)}` });
    for (let at = 0; at < 10; at += 1) bench.register({ name: `f${at}`, at: '10.0.0.1:1', nowMs: 30_000 });
    bench.registry.sweep(60_000, 100);
    expect(bench.registry.counts.entries).toBeGreaterThanOrEqual(910);
    for (let run = 0; run < 40; run += 1) bench.registry.sweep(60_000, 100);
    expect(bench.registry.counts).toEqual({ entries: 10, peers: 1, names: 10, sources: 1 });
    for (let run = 0; run < 3; run += 1) bench.registry.sweep(90_000, 100);
    expect(bench.registry.counts).toEqual({ entries: 0, peers: 0, names: 0, sources: 0 });
  });

  test('a LOOKUP finds the living among many that ended and were not swept', () => {
    const bench = new Bench();
    for (let port = 1; port <= 1000; port += 1) bench.register({ at: `192.0.2.1:${port}` });
    bench.register({ at: '192.0.2.2:7', nowMs: 59_000 });
    for (let run = 0; run < 5; run += 1) expect(bench.lookup('a', 50, 61_000)).toEqual([`192.0.2.2:7 ${4 * CHUNK}`]);
  });
});
