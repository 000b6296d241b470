/** The lists of the registry while things come and go, and peers that hold nothing. That pages show what is there, the model tests. */
import { describe, expect, jest, test } from '@jest/globals';
import { parseFileName } from '../../common/core/file-name.js';
import { formatPeerAddress, parsePeerAddress } from '../../common/core/peer-address.js';
import type { ContentInfo } from '../../common/wire/tracker-replies.js';
import { seededRandom } from '../testkit/manual-ports.js';
import type { DirectoryPage, PageRoom } from './directory.js';
import { COUNTED_MAX_COUNT, LiveCounts } from './live-counts.js';
import { Records } from './records.js';
import { Registry, type RegistryOptions } from './registry.js';

const TTL_MS = 60_000;

class Bench {
  readonly registry: Registry;

  constructor(options: Partial<RegistryOptions> = {}) {
    const all = { ttlMs: TTL_MS, entriesMaxCount: 1e6, sourceEntriesMaxCount: 1e6, ...options };
    this.registry = new Registry({ random: seededRandom(1) }, all);
  }

  register(name: string, at = '192.0.2.1:5000', sizeBytes = 7, nowMs = 0): void {
    const address = parsePeerAddress(at);
    const what = { name: parseFileName(name), sizeBytes, root: undefined, haveChunks: undefined, load: undefined };
    this.registry.register({ ...what, address, source: address.ip }, nowMs);
  }

  join(at: string, group?: string, nowMs = 0): void {
    const address = parsePeerAddress(at);
    this.registry.join({ address, source: address.ip, group }, nowMs);
  }
}

function* walk<Row>(maxCount: number, ask: (page: PageRoom) => DirectoryPage<Row>): Iterable<Row[]> {
  for (let after: string | undefined; ; ) {
    const { rows, next } = ask({ maxCount, maxBytes: 1e6, after });
    yield rows;
    if (next === undefined) return;
    after = next;
  }
}

describe('the lists of the registry', () => {
  test('a walk shows once what is there the whole time, while other names, contents of one name and peers come and go', () => {
    const bench = new Bench();
    const random = seededRandom(2);
    const passing: (() => void)[] = [];
    const addSome = () => {
      for (let count = 0; count < 20; count += 1) {
        const at = `10.0.${random.below(250)}.1:${1 + random.below(60_000)}`;
        const name = parseFileName(random.below(2) === 0 ? 'one name' : `passing ${random.below(1e6)}`);
        bench.register(name, at, random.below(1e6));
        passing.push(() => void bench.registry.withdraw(name, parsePeerAddress(at), undefined, 0));
      }
    };
    for (let at = 0; at < 300; at += 1) {
      // Other sources, so that no source has too many contents under the one name.
      bench.register(`staying ${at}`, `192.0.2.${at % 200}:${1000 + at}`);
      bench.register('one name', `198.51.100.${at % 200}:${1000 + at}`, 2e6 + at);
      addSome();
    }
    const change = () => {
      addSome();
      for (let count = 0; count < 25; count += 1) passing.splice(random.below(passing.length), 1)[0]?.();
    };
    const shown: string[] = [];
    for (const rows of walk(40, (page) => bench.registry.list(page, 0))) {
      shown.push(...rows.map(({ name, sizeBytes }) => `${name} ${sizeBytes}`));
      change();
    }
    const staying = Array.from({ length: 300 }, (_, at) => [`staying ${at} 7`, `one name ${2e6 + at}`]).flat();
    const wasThere = new Set(staying);
    expect(shown.filter((content) => wasThere.has(content)).sort()).toEqual(staying.sort());
    const peers: string[] = [];
    for (const rows of walk(40, (page) => bench.registry.peers(page, 0))) {
      peers.push(...rows.map(({ address }) => formatPeerAddress(address)));
      change();
    }
    const stayed = peers.filter((key) => !key.startsWith('10.'));
    expect([stayed.length, new Set(stayed).size]).toEqual([600, 600]);
  });

  test('names that ended and are not swept take no room on a page', () => {
    const bench = new Bench();
    for (let at = 0; at < 1000; at += 1) bench.register(`f${at}`, '192.0.2.1:1', 7, at % 2 === 0 ? 0 : 50_000);
    const pages = [...walk(100, (page) => bench.registry.list(page, 70_000))];
    expect(pages.map((rows) => rows.length)).toEqual([100, 100, 100, 100, 100]);
    expect(bench.registry.search('f', { maxCount: 1000, maxBytes: 1e6 }, 70_000).rows).toHaveLength(500);
    expect(bench.registry.info({ by: 'name', name: parseFileName('f0') }, { maxCount: 10, maxBytes: 1e6 }, 70_000)).toEqual([]);
  });

  test('OV3: contents that very many have come in pages of bounded work, each once and with its count', () => {
    const bench = new Bench();
    const holderCount = 900;
    for (let at = 0; at < 60; at += 1) {
      for (let nth = 0; nth < holderCount; nth += 1) bench.register(`f${at}`, `10.0.${nth >> 8}.${nth & 255}:1`);
    }
    let looks = 0;
    const isLive = Records.prototype.isLive;
    const spy = jest.spyOn(Records.prototype, 'isLive').mockImplementation(function look(this: Records, ...given) {
      looks += 1;
      return isLive.apply(this, given);
    });
    const mostLooks: number[] = [];
    const rows: ContentInfo[] = [];
    for (const page of walk(100, (room) => bench.registry.list({ ...room, maxBytes: 8000 }, 0))) {
      rows.push(...page);
      mostLooks.push(looks);
      looks = 0;
    }
    expect(rows.map(({ name, completeCount }) => `${name} ${completeCount}`).sort()).toEqual(
      Array.from({ length: 60 }, (_, at) => `f${at} ${holderCount}`).sort(),
    );
    for (const page of walk(100, (room) => bench.registry.peers({ ...room, maxBytes: 8000 }, 0))) {
      expect(page.every(({ fileCount }) => fileCount === 60)).toBe(true);
      mostLooks.push(looks);
      looks = 0;
    }
    // Three quarters of a look for each byte, and the row that they ended in.
    expect(Math.max(...mostLooks)).toBeLessThanOrEqual(6000 + holderCount + 60);
    spy.mockRestore();
  });

  test('OV3: of a content that more have than are counted, a bounded number is looked at', () => {
    const records = { isLive: (holding: number) => holding % 2 === 0 };
    let looks = 0;
    function* holdings(): Iterable<number> {
      for (let holding = 0; holding < 100_000; holding += 1) {
        looks += 1;
        yield holding;
      }
    }
    const counts = new LiveCounts(records, 0, 64 * 1024);
    expect(counts.count(holdings(), 100_000)).toBe(50_000);
    expect(looks).toBeLessThanOrEqual(COUNTED_MAX_COUNT + 1);
    expect(new LiveCounts({ isLive: (holding) => holding === 99_999 }, 0, 0).count(holdings(), 100_000)).toBe(1);
  });

  test('a small group is found among many peers, page by page', () => {
    const bench = new Bench();
    for (let at = 0; at < 25_000; at += 1) {
      bench.join(`10.0.${at % 250}.${1 + Math.floor(at / 250)}:1`, at % 10_000 === 9999 ? 'lab' : undefined);
    }
    const pages = [...walk(100, (page) => bench.registry.peers({ ...page, group: 'lab' }, 0))];
    expect(pages.flat()).toHaveLength(2);
    expect(pages.length).toBeLessThanOrEqual(4);
  });

  test.each(['', 'x', '1.', '.1', '1.1.1', 'zzzzzzzzzzz.1', '-1.1', '1.1 '])(
    'a cursor %j that no page gave is refused',
    (after) => {
      const { registry } = new Bench();
      const page = { after, maxCount: 1, maxBytes: 1e6 };
      expect(() => registry.list(page, 0)).toThrow('after is what a page');
      expect(() => registry.search('a', page, 0)).toThrow('after is what a page');
      expect(() => registry.peers({ ...page, after: `${after}.` }, 0)).toThrow('after is what a page');
    },
  );
});

describe('a peer that joins', () => {
  test('is one registration of its source, which ALIVE keeps and its end gives back', () => {
    const bench = new Bench({ sourceEntriesMaxCount: 2 });
    bench.join('192.0.2.1:1');
    bench.join('192.0.2.1:1', 'lab');
    bench.join('192.0.2.1:2');
    expect(bench.registry.counts).toEqual({ entries: 2, peers: 2, names: 0, sources: 1 });
    expect(() => bench.join('192.0.2.1:3')).toThrow('the most this tracker keeps');
    expect(() => bench.register('a', '192.0.2.1:1')).toThrow('the most this tracker keeps');
    const first = parsePeerAddress('192.0.2.1:1');
    expect(bench.registry.alive(first, { acceptBytes: 5 }, 50_000)).toBeDefined();
    for (let run = 0; run < 3; run += 1) bench.registry.sweep(TTL_MS, 10);
    expect(bench.registry.counts).toEqual({ entries: 1, peers: 1, names: 0, sources: 1 });
    expect(bench.registry.peers({ group: 'lab', maxCount: 9, maxBytes: 1e6 }, 100_000).rows).toEqual([
      { address: first, fileCount: 0, seenMs: 50_000, load: undefined, acceptBytes: 5, group: 'lab' },
    ]);
    expect(bench.registry.unregister(first, 100_000)).toBe(1);
    expect(bench.registry.counts).toEqual({ entries: 0, peers: 0, names: 0, sources: 0 });
  });

  test('stays when what it had registered ends, and what it has registered stays when its joining ends', () => {
    const bench = new Bench();
    bench.register('a');
    bench.join('192.0.2.1:5000', 'lab', 50_000);
    for (let run = 0; run < 3; run += 1) bench.registry.sweep(TTL_MS, 10);
    expect(bench.registry.counts).toEqual({ entries: 1, peers: 1, names: 0, sources: 1 });
    bench.register('b', '192.0.2.1:5000', 7, 100_000);
    const [peer] = bench.registry.peers({ maxCount: 9, maxBytes: 1e6 }, 120_000).rows;
    expect([peer?.fileCount, peer?.group]).toEqual([1, undefined]);
  });
});
