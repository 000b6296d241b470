/** The registry against a naive twin: a list of everything, walked each time. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseFileName } from '../../common/core/file-name.js';
import { fold } from '../../common/core/fold.js';
import { formatPeerAddress } from '../../common/core/peer-address.js';
import { parseContentRoot } from '../../common/core/root.js';
import type { ContentRef } from '../../common/wire/peer-lines.js';
import { seededRandom } from '../testkit/manual-ports.js';
import { NaiveRegistry } from '../testkit/naive-registry.js';
import type { DirectoryPage, PageRoom } from './directory.js';
import { Registry } from './registry.js';

const TTL_MS = 1000;
const INTERVAL_MS = 300;
const names = ['a', 'b/Ä', '__proto__'].map(parseFileName);
const roots = [undefined, parseContentRoot('1'.repeat(64)), parseContentRoot('2'.repeat(64))];
const sizes = [0, 524_288, 2_000_000];
const addresses = Array.from({ length: 24 }, (_, at) => ({ ip: `192.0.2.${at % 3}`, port: 1 + Math.floor(at / 3) }));
const texts = ['A', 'b/ä', 'a\u0308', 'proto', 'nothing'];
const groups = [undefined, 'lab', 'home'];
const types = [undefined, 'text/plain', 'video/mp4'];
const checksums = [undefined, `sha256:${'0f'.repeat(32)}`, 'crc32:123456789'];

// Mostly a few addresses, so that leases of one peer meet; sometimes many, so that pools grow.
const address = fc
  .oneof({ weight: 3, arbitrary: fc.nat(2) }, { weight: 1, arbitrary: fc.nat(23) })
  .map((at) => addresses[at] ?? { ip: '192.0.2.9', port: 9 });
const oneOf = <T>(values: readonly T[]) => fc.constantFrom(...values);
const maybe = (max: number) => fc.option(fc.nat(max), { nil: undefined });
const load = maybe(100);
const acceptBytes = maybe(3);
const content = { name: oneOf(names), sizeBytes: oneOf(sizes), root: oneOf(roots) };
const ref: fc.Arbitrary<ContentRef> = fc.oneof(
  oneOf(names).map((name) => ({ by: 'name' as const, name })),
  oneOf(roots.slice(1)).map((root) => ({ by: 'root' as const, root: root ?? parseContentRoot('1'.repeat(64)) })),
);
const room = { maxCount: fc.integer({ min: 1, max: 30 }), maxBytes: oneOf([1, 300, 1e6]) };

/** A step takes both registries one action further and compares what they say. */
type Step = (both: Both) => void;
class Both {
  readonly registry: Registry;
  readonly model = new NaiveRegistry(TTL_MS, INTERVAL_MS);
  nowMs = 0;

  constructor(seed: number) {
    const limits = { entriesMaxCount: 1000, sourceEntriesMaxCount: 1000 };
    this.registry = new Registry({ random: seededRandom(seed) }, { ttlMs: TTL_MS, intervalMs: INTERVAL_MS, ...limits });
  }
}

const changes: { weight: number; arbitrary: fc.Arbitrary<Step> }[] = [
  {
    weight: 6,
    arbitrary: fc
      .record({ ...content, address, haveChunks: maybe(5), load, type: oneOf(types), checksum: oneOf(checksums) })
      .map((given) => ({ registry, model, nowMs }) => {
        const registration = { ...given, source: given.address.ip };
        expect(registry.register(registration, nowMs)).toBe(model.register(registration, nowMs));
      }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ address, load, acceptBytes, group: oneOf(groups) }).map((given) => ({ registry, model, nowMs }) => {
      const registration = { ...given, source: given.address.ip };
      registry.join(registration, nowMs);
      model.join(registration, nowMs);
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ address, load, acceptBytes }).map((given) => ({ registry, model, nowMs }) => {
      const isKnown = model.alive(formatPeerAddress(given.address), given.load, given.acceptBytes, nowMs);
      expect(registry.alive(given.address, given, nowMs) !== undefined).toBe(isKnown);
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ address, isDrop: fc.boolean() }).map(({ address: at, isDrop }) => ({ registry, model, nowMs }) => {
      const count = model.unregister(formatPeerAddress(at));
      expect(isDrop ? registry.drop(at, nowMs) : registry.unregister(at, nowMs)).toBe(count);
    }),
  },
  {
    weight: 3,
    arbitrary: fc
      .record({ name: content.name, root: content.root, address })
      .map(({ name, root, address: at }) => ({ registry, model, nowMs }) => {
        const isMeant = (row: { name: string; root: string | undefined }) =>
          row.name === name && (root === undefined || row.root === root);
        expect(registry.withdraw(name, at, root, nowMs)).toBe(model.withdraw(formatPeerAddress(at), isMeant));
      }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ address, load }).map((given) => ({ registry, model, nowMs }) => {
      registry.probed(given.address, given.load, nowMs);
      model.probed(formatPeerAddress(given.address), given.load, nowMs);
    }),
  },
  {
    weight: 4,
    arbitrary: fc.nat(6).map((ticks) => (both) => {
      both.nowMs += ticks * 100;
    }),
  },
  {
    weight: 1,
    arbitrary: fc.nat(40).map(
      (budget) =>
        ({ registry, nowMs }) =>
          registry.sweep(nowMs, budget),
    ),
  },
];

const questions: { weight: number; arbitrary: fc.Arbitrary<Step> }[] = [
  {
    weight: 3,
    arbitrary: fc.record({ ref, max: fc.integer({ min: 1, max: 100 }) }).map((given) => (both) => {
      checkLookup(both, given.ref, given.max);
    }),
  },
  {
    weight: 1,
    arbitrary: fc.constant(({ registry, model, nowMs }) => {
      expect(registry.staleLoads(nowMs, 100).map(formatPeerAddress).sort()).toEqual(model.staleLoads(nowMs).sort());
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ ref, max: fc.integer({ min: 1, max: 20 }) }).map((given) => ({ registry, model, nowMs }) => {
      const all = model.holding(given.ref);
      const infos = model.infos((row) => all.includes(row));
      const got = registry.info(given.ref, { maxCount: given.max, maxBytes: 1e6 }, nowMs);
      expect(got).toHaveLength(Math.min(given.max, infos.length));
      expect(infos).toEqual(expect.arrayContaining(got));
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ text: oneOf(texts), ...room }).map(({ text, ...asked }) => ({ registry, model, nowMs }) => {
      const infos = model.infos((row) => fold(row.name).includes(fold(text)));
      expectSame(
        walk(asked, (page) => registry.search(text, page, nowMs)),
        infos,
      );
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record(room).map((asked) => ({ registry, model, nowMs }) => {
      const infos = model.infos(() => true);
      expectSame(
        walk(asked, (page) => registry.list(page, nowMs)),
        infos,
      );
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ group: oneOf(groups), ...room }).map(({ group, ...asked }) => ({ registry, model, nowMs }) => {
      const infos = model.peerInfos(group, nowMs);
      expectSame(
        walk(asked, (page) => registry.peers({ ...page, group }, nowMs)),
        infos,
      );
    }),
  },
];

describe('registry against its model', () => {
  test('gives the same rows, counts and answers after any steps', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(...changes, ...questions), { maxLength: 150, size: 'max' }), fc.nat(), (steps, seed) => {
        const both = new Both(seed);
        for (const step of steps) {
          both.model.settle(both.nowMs);
          step(both);
        }
        for (let run = 0; run < 100; run += 1) both.registry.sweep(both.nowMs + 10 * TTL_MS, 50);
        expect(both.registry.counts).toEqual({ entries: 0, peers: 0, names: 0, sources: 0 });
      }),
      { numRuns: 300 },
    );
  });
});

/** All rows of a walk over the pages; only the last page has no next, and only where there is nothing at all is it empty. */
function walk<Row>(asked: Omit<PageRoom, 'after'>, ask: (page: PageRoom) => DirectoryPage<Row>): Row[] {
  const all: Row[] = [];
  for (let after: string | undefined; ; ) {
    const { rows, next } = ask({ ...asked, after });
    expect(rows.length).toBeLessThanOrEqual(asked.maxCount);
    expect(rows.length > 0 || all.length === 0).toBe(true);
    all.push(...rows);
    if (next === undefined) return all;
    expect(next).toMatch(/^[0-9A-Za-z.-]{1,64}$/);
    expect(rows.length).toBeGreaterThan(0);
    expect(next).not.toBe(after);
    after = next;
  }
}

function expectSame<Row>(got: readonly Row[], wanted: readonly Row[]): void {
  expect(got).toHaveLength(wanted.length);
  expect(got).toEqual(expect.arrayContaining([...wanted]));
}

function checkLookup({ registry, model, nowMs }: Both, wantedRef: ContentRef, max: number): void {
  const wanted = model.holding(wantedRef);
  const isByName = wantedRef.by === 'name';
  const idOf = (key: string, text: string, sizeBytes: number) => (isByName ? `${key} ${text}` : `${key} ${sizeBytes}`);
  const wantedIds = new Set(wanted.map((row) => idOf(row.key, row.content, row.sizeBytes)));
  const got = registry.lookup(wantedRef, max, nowMs);
  const gotIds = got.map(({ peer, content: { name, sizeBytes, root } }) =>
    idOf(peer.key, `${name} ${sizeBytes} ${root}`, sizeBytes),
  );
  expect(new Set(gotIds).size).toBe(got.length);
  expect(gotIds.every((id) => wantedIds.has(id))).toBe(true);
  expect(got).toHaveLength(Math.min(max, wantedIds.size));
  const ranks = got.map(({ peer, content: { name, sizeBytes, root } }) => {
    const row = wanted.find((one) => one.key === peer.key && one.content === `${name} ${sizeBytes} ${root}`);
    return row === undefined ? Number.NaN : model.rank(row);
  });
  expect(ranks).toEqual([...ranks].sort((a, b) => a - b));
  const named = model.peers.get(got[0]?.peer.key ?? '');
  if (named !== undefined) named.namedCount += 1;
}
