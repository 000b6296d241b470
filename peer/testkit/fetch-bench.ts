/** A place to run whole fetches in: a temporary folder, a pool, peers and trackers that are ended with it. */
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ShoalError } from '../../common/core/errors.js';
import { formatLink } from '../../common/core/link.js';
import { realRandom } from '../../common/node/clock.js';
import { realDisk } from '../../common/node/disk.js';
import { tcpDialer } from '../../common/node/tcp.js';
import type { Disk } from '../../common/ports/disk.js';
import type { Dialer } from '../../common/ports/net.js';
import type { Random } from '../../common/ports/random.js';
import { fetchContent } from '../fetch/fetch-content.js';
import type { FetchEvent, FetchResult } from '../fetch/fetch-events.js';
import type { FetchOptions } from '../fetch/fetch-session.js';
import { parseFetchSource } from '../fetch/fetch-source.js';
import { HashPool } from '../hash/hash-pool.js';
import type { Hasher } from '../hash/hasher.js';
import { realStorage } from '../storage-ports.js';
import { JumpClock } from './jump-clock.js';
import { type Misbehaviour, ScriptedPeer } from './scripted-peer.js';
import { type Script, ScriptedTracker } from './scripted-tracker.js';
import type { TestContent } from './test-content.js';
import { until } from './until.js';

export type BenchOptions = Partial<FetchOptions>;

export class FetchBench {
  readonly pool = new HashPool({ threadCount: 2 });
  clock = new JumpClock();
  random: Random = realRandom;
  disk: Disk = realDisk;
  hasher: Hasher = this.pool;
  dialer: Dialer = tcpDialer;
  folder = '';
  events: FetchEvent[] = [];
  #root = '';
  readonly #closing: { close(): Promise<void> }[] = [];
  #caseCount = 0;

  /** A new empty folder, clock and list of events: before each test. */
  async begin(): Promise<void> {
    if (this.#root === '') this.#root = await mkdtemp(join(tmpdir(), 'shoal-fetch-'));
    this.#caseCount += 1;
    this.folder = join(this.#root, String(this.#caseCount));
    await mkdir(this.folder);
    this.clock = new JumpClock();
    this.random = realRandom;
    this.disk = realDisk;
    this.hasher = this.pool;
    this.dialer = tcpDialer;
    this.events = [];
  }

  /** Ends peers and trackers: after each test. */
  async end(): Promise<void> {
    for (const one of this.#closing.splice(0)) await one.close();
  }

  async close(): Promise<void> {
    await this.pool.close();
    await rm(this.#root, { recursive: true, force: true });
  }

  async peer(contents: TestContent | readonly TestContent[], misbehaviour: Misbehaviour = {}): Promise<ScriptedPeer> {
    const peer = await ScriptedPeer.start(Array.isArray(contents) ? contents : [contents as TestContent], misbehaviour);
    this.#closing.push(peer);
    return peer;
  }

  async tracker(script: Script): Promise<ScriptedTracker> {
    const tracker = await ScriptedTracker.started(script);
    this.#closing.push(tracker);
    return tracker;
  }

  /** Fetches by a link that names the peers; other options as given. */
  fetch(content: TestContent, peers: readonly ScriptedPeer[], options: BenchOptions = {}): Promise<FetchResult> {
    return this.fetchText(linkOf(content, peers), options);
  }

  fetchText(text: string, options: BenchOptions = {}): Promise<FetchResult> {
    const { disk, dialer, clock, random, hasher: pool } = this;
    return fetchContent(
      { ...realStorage, disk, dialer, clock, random, pool },
      {
        source: parseFetchSource(text),
        shown: text,
        trackers: [],
        out: undefined,
        directory: this.folder,
        isOverwrite: false,
        isFresh: false,
        patienceMs: 30_000,
        onEvent: (event) => this.events.push(event),
        signal: new AbortController().signal,
        ...options,
      },
    );
  }

  /** The error that a fetch ends with; fails where it does not. While it runs, the clock goes `jumpMs` forward at each turn. */
  async failure(fetching: Promise<unknown>, jumpMs = 0): Promise<ShoalError> {
    const outcome: unknown = await this.jumpUntilOver(fetching, jumpMs).catch((error: unknown) => error);
    if (!(outcome instanceof ShoalError)) throw new Error(`It did not fail as it should: ${String(outcome)}`);
    return outcome;
  }

  /** What `fetching` comes to; until then the clock goes `jumpMs` forward now and then, whenever `isTime`. */
  async jumpUntilOver<T>(fetching: Promise<T>, jumpMs: number, isTime = () => true): Promise<T> {
    let isOver = false;
    const noted = fetching.finally(() => {
      isOver = true;
    });
    noted.catch(() => undefined);
    while (!isOver) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      if (!isOver && jumpMs > 0 && isTime()) this.clock.jump(jumpMs);
    }
    return noted;
  }

  eventsOf<K extends FetchEvent['event']>(kind: K): Extract<FetchEvent, { event: K }>[] {
    return this.events.filter((event): event is Extract<FetchEvent, { event: K }> => event.event === kind);
  }

  /** Resolves when this many bytes are had. */
  async untilFetched(byteCount: number): Promise<void> {
    const isThere = () => this.eventsOf('progress').some(({ phase, doneBytes }) => phase === 'fetch' && doneBytes >= byteCount);
    await until(`${byteCount} bytes are fetched`, isThere);
  }

  read(...path: string[]): Promise<Buffer> {
    return readFile(join(this.folder, ...path));
  }

  /** What is in the folder, hidden files too. */
  list(): Promise<string[]> {
    return readdir(this.folder).then((names) => names.sort());
  }
}

export function linkOf(content: TestContent, peers: readonly Pick<ScriptedPeer, 'address'>[], hasSize = true): string {
  return formatLink({
    root: content.root,
    name: content.name,
    ...(hasSize ? { sizeBytes: content.bytes.length } : {}),
    trackers: [],
    peers: peers.map((peer) => peer.address),
  });
}
