/** The registry against a naive twin: a list of everything, walked each time. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { chunkCount } from '../../common/core/chunks.js';
import { parseFileName } from '../../common/core/file-name.js';
import { formatPeerAddress } from '../../common/core/peer-address.js';
import { parseContentRoot } from '../../common/core/root.js';
import { seededRandom } from '../testkit/manual-ports.js';
import { Registry } from './registry.js';

const TTL_MS = 1000;
const names = ['a', 'b', '__proto__'].map(parseFileName);
const roots = [undefined, parseContentRoot('1'.repeat(64)), parseContentRoot('2'.repeat(64))];
const sizes = [0, 524_288, 2_000_000];
const addresses = Array.from({ length: 24 }, (_, at) => ({ ip: `192.0.2.${at % 3}`, port: 1 + Math.floor(at / 3) }));

// Mostly a few addresses, so that leases of one peer meet; sometimes many, so that pools grow.
const anAddress = fc.oneof({ weight: 3, arbitrary: fc.nat(2) }, { weight: 1, arbitrary: fc.nat(23) });
const place = fc.record({ name: fc.nat(2), size: fc.nat(2), root: fc.nat(2), address: anAddress });
const extra = { have: fc.option(fc.nat(5), { nil: undefined }), load: fc.option(fc.nat(100), { nil: undefined }) };
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('register' as const), place, ...extra }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('alive' as const), address: anAddress, load: extra.load }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('unregister' as const), address: anAddress }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('wait' as const), ticks: fc.nat(6) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('sweep' as const), budget: fc.nat(40) }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('lookup' as const), what: fc.nat(4), max: fc.integer({ min: 1, max: 100 }) }),
  },
);

interface Row {
  readonly content: string;
  readonly name: string;
  readonly root: string | undefined;
  readonly sizeBytes: number;
  readonly address: string;
  have: number | undefined;
  endMs: number;
}

/** Drops a row at the very millisecond that it ends, which is what the registry only pretends to do. */
class NaiveRegistry {
  rows: Row[] = [];
  readonly loads = new Map<string, number>();

  expire(nowMs: number): void {
    this.rows = this.rows.filter((row) => row.endMs > nowMs);
  }

  at(address: string): Row[] {
    return this.rows.filter((row) => row.address === address);
  }

  rank(row: Row): number {
    const isComplete = row.have === undefined || row.have >= chunkCount(row.sizeBytes);
    return (isComplete ? 0 : 1000) + (this.loads.get(row.address) ?? 50);
  }
}

describe('registry against its model', () => {
  test('gives the same rows, counts and answers after any steps', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150, size: 'max' }), fc.nat(), (steps, seed) => {
        const registry = new Registry(
          { random: seededRandom(seed) },
          { ttlMs: TTL_MS, entriesMaxCount: 1000, sourceEntriesMaxCount: 1000 },
        );
        const model = new NaiveRegistry();
        let nowMs = 0;
        for (const one of steps) {
          model.expire(nowMs);
          switch (one.kind) {
            case 'wait':
              nowMs += one.ticks * 100;
              break;
            case 'sweep':
              registry.sweep(nowMs, one.budget);
              break;
            case 'register': {
              const name = names[one.place.name] ?? parseFileName('never');
              const [sizeBytes, root] = [sizes[one.place.size] ?? 0, roots[one.place.root]];
              const address = addresses[one.place.address] ?? { ip: '192.0.2.9', port: 9 };
              const key = formatPeerAddress(address);
              const content = `${name} ${sizeBytes} ${root}`;
              const known = model.at(key).find((row) => row.content === content);
              // A peer that was gone is a new one, and its load is unknown again; unswept memory of it must not show.
              if (model.at(key).length === 0) model.loads.delete(key);
              const registration = { name, sizeBytes, root, haveChunks: one.have, load: one.load, address, source: address.ip };
              expect(registry.register(registration, nowMs)).toBe(known === undefined);
              if (one.load !== undefined) model.loads.set(key, one.load);
              const row = known ?? { content, name, root, sizeBytes, address: key, have: one.have, endMs: 0 };
              if (known === undefined) model.rows.push(row);
              row.have = one.have;
              row.endMs = nowMs + TTL_MS;
              break;
            }
            case 'alive': {
              const address = addresses[one.address] ?? { ip: '192.0.2.9', port: 9 };
              const rows = model.at(formatPeerAddress(address));
              expect(registry.alive(address, { load: one.load }, nowMs)).toBe(rows.length > 0);
              for (const row of rows) row.endMs = nowMs + TTL_MS;
              if (rows.length > 0 && one.load !== undefined) model.loads.set(formatPeerAddress(address), one.load);
              break;
            }
            case 'unregister': {
              const address = addresses[one.address] ?? { ip: '192.0.2.9', port: 9 };
              const key = formatPeerAddress(address);
              expect(registry.unregister(address, nowMs)).toBe(model.at(key).length);
              model.rows = model.rows.filter((row) => row.address !== key);
              break;
            }
            case 'lookup':
              checkLookup(registry, model, one.what, one.max, nowMs);
          }
        }
        for (let run = 0; run < 100; run += 1) registry.sweep(nowMs + 10 * TTL_MS, 50);
        expect(registry.counts).toEqual({ entries: 0, peers: 0, names: 0, sources: 0 });
      }),
      { numRuns: 300 },
    );
  });
});

function checkLookup(registry: Registry, model: NaiveRegistry, what: number, max: number, nowMs: number): void {
  const [name, root] = [names[what], roots[what - 2]];
  const ref =
    name !== undefined ? { by: 'name' as const, name } : { by: 'root' as const, root: root ?? parseContentRoot('1'.repeat(64)) };
  const wanted = model.rows.filter((row) => (ref.by === 'name' ? row.name === ref.name : row.root === ref.root));
  const idOf = (address: string, content: string, sizeBytes: number) =>
    ref.by === 'name' ? `${address} ${content}` : `${address} ${sizeBytes}`;
  const wantedIds = new Set(wanted.map((row) => idOf(row.address, row.content, row.sizeBytes)));
  const got = registry.lookup(ref, max, nowMs);
  const gotIds = got.map(({ peer, content }) =>
    idOf(peer.key, `${content.name} ${content.sizeBytes} ${content.root}`, content.sizeBytes),
  );
  expect(new Set(gotIds).size).toBe(got.length);
  expect(gotIds.every((id) => wantedIds.has(id))).toBe(true);
  expect(got).toHaveLength(Math.min(max, wantedIds.size));
  const ranks = got.map(({ peer, content }) => {
    const row = wanted.find(
      (one) => one.address === peer.key && one.content === `${content.name} ${content.sizeBytes} ${content.root}`,
    );
    return row === undefined ? Number.NaN : model.rank(row);
  });
  expect(ranks).toEqual([...ranks].sort((a, b) => a - b));
}
