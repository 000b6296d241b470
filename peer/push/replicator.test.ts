/** A group of replicators in simulated time, with a tracker and pushes that are as fast, as late and as lossy as told. */
import { afterEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ShoalError } from '../../common/core/errors.js';
import { parseFileName } from '../../common/core/file-name.js';
import { formatPeerAddress, type PeerAddress } from '../../common/core/peer-address.js';
import type { ContentRoot } from '../../common/core/root.js';
import { SimClock } from '../../common/sim/sim-clock.js';
import { SimRandom } from '../../common/sim/sim-random.js';
import type { PushContent } from './node-push.js';
import { Replicator } from './replicator.js';

const EVERY_MS = 30_000;
const TTL_MS = 60_000;

interface WorldOptions {
  readonly nodeCount: number;
  readonly copyCount: number;
  /** How long a push takes; trackers know of it from its beginning, or only at its end. */
  readonly pushMs: number;
  readonly isPartKnown?: boolean;
  readonly load?: number;
  readonly acceptBytes?: (node: number) => number;
  readonly seed?: number;
}

class World {
  readonly clock = new SimClock();
  readonly holders = new Map<ContentRoot, Set<number>>();
  readonly partial = new Map<ContentRoot, Set<number>>();
  /** When each died; trackers know it a ttl later. */
  readonly diedMs = new Map<number, number>();
  readonly pushes: string[] = [];
  readonly refusing = new Set<number>();
  readonly notes: string[] = [];
  isTrackerGone = false;
  load: number;
  readonly #replicators: Replicator[] = [];
  readonly #options: WorldOptions;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.load = options.load ?? 0;
    const random = new SimRandom(options.seed ?? 1);
    for (let node = 0; node < options.nodeCount; node += 1) this.#replicators.push(this.#start(node, random.fork()));
  }

  share(node: number, index: number): ContentRoot {
    const root = String(index).padStart(64, '0') as ContentRoot;
    this.holders.set(root, (this.holders.get(root) ?? new Set()).add(node));
    return root;
  }

  kill(node: number): void {
    this.diedMs.set(node, this.clock.nowMs());
    void this.#replicators[node]?.close();
  }

  /** Those that live and have it. */
  copyCount(root: ContentRoot): number {
    return [...(this.holders.get(root) ?? [])].filter((node) => !this.diedMs.has(node)).length;
  }

  async pass(pauses: number): Promise<void> {
    await this.clock.run({ untilMs: this.clock.nowMs() + pauses * EVERY_MS });
  }

  async close(): Promise<void> {
    await Promise.all(this.#replicators.map((one) => one.close()));
  }

  #start(node: number, random: SimRandom): Replicator {
    const address = addressOf(node);
    return new Replicator(
      {
        clock: this.clock,
        random,
        contents: () => [...this.holders].filter(([, nodes]) => nodes.has(node)).map(([root]) => contentOf(root)),
        ownAddresses: () => new Set([formatPeerAddress(address)]),
        members: async () => this.#known().map((one) => this.#info(one)),
        holders: async (root) => {
          const row = (one: number, part: object) => ({ address: addressOf(one), sizeBytes: 10, root, ...part });
          const whole = this.#known().filter((one) => this.holders.get(root)?.has(one));
          const part = this.#known().filter((one) => this.partial.get(root)?.has(one));
          return [...whole.map((one) => row(one, {})), ...part.map((one) => row(one, { haveChunks: 1 }))];
        },
        push: ({ root }, to, signal) => this.#push(root, nodeOf(to), signal),
        note: (text) => this.notes.push(text),
      },
      { copyCount: this.#options.copyCount, everyMs: EVERY_MS },
    );
  }

  /** As the tracker sees it. */
  #known(): number[] {
    if (this.isTrackerGone) throw new ShoalError('NETWORK', 'environment', 'The tracker is gone.');
    const isKnown = (node: number) => this.clock.nowMs() - (this.diedMs.get(node) ?? Number.POSITIVE_INFINITY) < TTL_MS;
    return Array.from({ length: this.#options.nodeCount }, (_, node) => node).filter(
      (node) => !this.diedMs.has(node) || isKnown(node),
    );
  }

  #info(node: number) {
    const acceptBytes = this.#options.acceptBytes?.(node) ?? 1000;
    return { address: addressOf(node), fileCount: 1, seenMs: 0, load: this.load, acceptBytes };
  }

  async #push(root: ContentRoot, node: number, signal: AbortSignal): Promise<void> {
    this.pushes.push(`${root.slice(-3)} ${node}`);
    if (this.#options.isPartKnown !== false) this.partial.set(root, (this.partial.get(root) ?? new Set()).add(node));
    await new Promise<void>((resolve) => {
      this.clock.setTimer('push', this.#options.pushMs, resolve);
      signal.addEventListener('abort', () => resolve());
    });
    this.partial.get(root)?.delete(node);
    if (signal.aborted || this.refusing.has(node) || this.diedMs.has(node)) throw new ShoalError('DENIED', 'remote', 'No.');
    this.holders.get(root)?.add(node);
  }
}

function addressOf(node: number): PeerAddress {
  return { ip: `10.0.0.${node + 1}`, port: 4701 };
}

function nodeOf({ ip }: PeerAddress): number {
  return Number(ip.split('.')[3]) - 1;
}

function contentOf(root: ContentRoot): PushContent {
  return { name: parseFileName(root.slice(-3)), root, sizeBytes: 10, totalBytes: 10 };
}

let worlds: World[] = [];
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close();
  worlds = [];
});

function world(options: WorldOptions): World {
  const made = new World(options);
  worlds.push(made);
  return made;
}

describe('replicator', () => {
  test('law: a group comes to the number of copies and stays there, however long a push takes; each is pushed once', async () => {
    const groups = fc.record({
      nodeCount: fc.integer({ min: 1, max: 8 }),
      copyCount: fc.integer({ min: 1, max: 4 }),
      pushMs: fc.constantFrom(0, 5000, 200_000),
      isPartKnown: fc.boolean(),
      contentCount: fc.integer({ min: 1, max: 3 }),
      seed: fc.nat(1000),
    });
    await fc.assert(
      fc.asyncProperty(groups, async ({ contentCount, isPartKnown, pushMs, ...options }) => {
        // What takes long is registered while it comes: only what is there at once is not.
        const one = world({ ...options, pushMs, isPartKnown: isPartKnown || pushMs > 5000 });
        const roots = Array.from({ length: contentCount }, (_, index) => one.share(index % options.nodeCount, index));
        await one.pass(40);
        const wanted = Math.min(options.copyCount, options.nodeCount);
        expect(roots.map((root) => one.copyCount(root))).toEqual(roots.map(() => wanted));
        expect(new Set(one.pushes).size).toBe(one.pushes.length);
        expect(one.pushes.length).toBe(contentCount * (wanted - 1));
        await one.close();
      }),
      { numRuns: 30 },
    );
  });

  test('what was lost is copied again by those that have it, also where the first of them is gone', async () => {
    for (const victims of [[0], [0, 1], [1, 2]]) {
      const one = world({ nodeCount: 6, copyCount: 3, pushMs: 1000 });
      const root = one.share(0, 7);
      await one.pass(10);
      expect(one.copyCount(root)).toBe(3);
      const holders = [...(one.holders.get(root) ?? [])];
      for (const victim of victims) one.kill(holders[victim] ?? 0);
      expect(one.copyCount(root)).toBe(3 - victims.length);
      await one.pass(15);
      expect(one.copyCount(root)).toBe(3);
    }
  });

  test('who does not take it is left alone for a while, and others are asked', async () => {
    const one = world({ nodeCount: 4, copyCount: 3, pushMs: 1000 });
    one.refusing.add(1).add(2).add(3);
    const root = one.share(0, 1);
    await one.pass(15);
    expect(one.copyCount(root)).toBe(1);
    expect([...one.pushes].sort()).toEqual(['001 1', '001 2', '001 3']);
    one.refusing.clear();
    await one.pass(30);
    expect(one.copyCount(root)).toBe(3);
  });

  test('load brings more copies, twice as many at most, and nothing takes them away', async () => {
    const one = world({ nodeCount: 6, copyCount: 2, pushMs: 1000, load: 90 });
    const root = one.share(0, 1);
    await one.pass(60);
    expect(one.copyCount(root)).toBe(4);
    one.load = 0;
    await one.pass(30);
    expect(one.copyCount(root)).toBe(4);
  });

  test('nobody with room gets nothing', async () => {
    const one = world({ nodeCount: 3, copyCount: 2, pushMs: 0, acceptBytes: () => 9 });
    one.share(0, 1);
    await one.pass(20);
    expect(one.pushes).toEqual([]);
  });

  test('a tracker that is gone is told of once, and the work goes on when it is back', async () => {
    const one = world({ nodeCount: 2, copyCount: 2, pushMs: 0 });
    const root = one.share(0, 1);
    one.isTrackerGone = true;
    await one.pass(10);
    expect(one.notes).toEqual(['Copies cannot be looked after for now: The tracker is gone.']);
    one.isTrackerGone = false;
    await one.pass(3);
    expect(one.copyCount(root)).toBe(2);
  });
});
