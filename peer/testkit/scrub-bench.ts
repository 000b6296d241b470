/** Two nodes on real sockets and files that share the same content: one whose disk a test damages, and one that has it whole. */
import { execFileSync } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, open, realpath, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { epochNowMs, realRandom } from '../../common/node/clock.js';
import { realDisk } from '../../common/node/disk.js';
import { realProcesses } from '../../common/node/processes.js';
import { tcpDialer, tcpListener } from '../../common/node/tcp.js';
import type { Disk } from '../../common/ports/disk.js';
import { formatLookupRow } from '../../common/wire/tracker-replies.js';
import { HashPool } from '../hash/hash-pool.js';
import type { Hasher } from '../hash/hasher.js';
import { createNode, type PeerNode } from '../node.js';
import { DamageLedger, type DamageRecord } from '../scrub/damage-ledger.js';
import type { ScrubOptions, ScrubReport } from '../scrub/scrubber.js';
import { realStorage } from '../storage-ports.js';
import { JumpClock } from './jump-clock.js';
import { RawClient } from './raw-client.js';
import { ScriptedTracker, yes } from './scripted-tracker.js';
import { silentEvents } from './silent-events.js';

/** Long ago, and a whole number of milliseconds: such a file gets its very state back when it is mended. */
export const LONG_AGO_S = 1_600_000_000;

export interface ScrubNodeOptions {
  readonly hasher?: (hasher: Hasher) => Hasher;
  readonly damage?: DamageLedger;
  readonly disk?: Disk;
  readonly isFolderOnly?: boolean;
  /** Whether every other process is dead: that of a node before is this very one. */
  readonly isAlone?: boolean;
  /** The time of day; left out, the real one. */
  readonly epochNowMs?: () => number;
}

export class ScrubBench {
  readonly clock = new JumpClock();
  folder = '';
  /** What was told, a line each. */
  told: string[] = [];
  #tracker: ScriptedTracker | undefined;
  #nodes: PeerNode[] = [];
  readonly #scrubs: Promise<unknown>[] = [];
  /** Who is handed out for each root: the nodes that hold it whole. */
  #rows = new Map<string, string[]>();

  async begin(): Promise<void> {
    this.folder = await realpath(await mkdtemp(join(tmpdir(), 'shoal-scrub-')));
    this.told = [];
    this.#rows = new Map();
    this.#tracker = await ScriptedTracker.started((line) => this.#answer(line));
  }

  async end(): Promise<void> {
    await Promise.all(this.#scrubs.splice(0));
    for (const node of this.#nodes.splice(0)) await node.close();
    await this.#tracker?.close();
    await rm(this.folder, { recursive: true, force: true });
  }

  get tracker(): ScriptedTracker {
    if (this.#tracker === undefined) throw new Error('The bench has not begun.');
    return this.#tracker;
  }

  async node(name: string, options: ScrubNodeOptions = {}): Promise<PeerNode> {
    const { hasher = (real) => real, disk = realDisk, damage, isFolderOnly = false, isAlone = false } = options;
    const events = silentEvents({
      damaged: ({ name: of }, { chunkIndex, reason }) => this.told.push(`${name}: ${of} ${chunkIndex} ${reason}`),
      mended: ({ name: of }, chunkIndex) => this.told.push(`${name}: ${of} ${chunkIndex} mended`),
      changed: ({ name: of }) => this.told.push(`${name}: ${of} changed`),
    });
    const node = await createNode(
      {
        ...realStorage,
        disk,
        ...(isAlone ? { processes: { token: realProcesses.token, isAlive: () => false } } : {}),
        openHasher: (options) => hasher(new HashPool(options)),
        dialer: tcpDialer,
        listener: tcpListener,
        clock: this.clock,
        random: realRandom,
        epochNowMs: options.epochNowMs ?? epochNowMs,
      },
      {
        host: '127.0.0.1',
        port: 0,
        trackers: [this.tracker.address],
        hashName: 'blake3',
        isFolderOnly,
        cacheFolder: join(this.folder, `cache-${name}`),
        threadCount: 1,
        ...(damage === undefined ? {} : { damage }),
        events,
      },
    );
    this.#nodes.push(node);
    return node;
  }

  /** Ends a node as if nobody had told it. */
  async close(node: PeerNode): Promise<void> {
    this.#nodes = this.#nodes.filter((one) => one !== node);
    await node.close();
  }

  /** Makes a file that was last written long ago; its path. */
  async file(path: string, bytes: Buffer): Promise<string> {
    const full = join(this.folder, path);
    await mkdir(join(full, '..'), { recursive: true });
    await writeFile(full, bytes);
    await utimes(full, LONG_AGO_S, LONG_AGO_S);
    return full;
  }

  /** Copies a file into another folder, under the same name. */
  async copy(path: string, into: string): Promise<string> {
    await mkdir(join(this.folder, into), { recursive: true });
    const full = join(this.folder, into, basename(path));
    await copyFile(path, full);
    await utimes(full, LONG_AGO_S, LONG_AGO_S);
    return full;
  }

  /** Flips a byte as a disk does: nothing else of the file tells. */
  async damage(path: string, position: number): Promise<void> {
    // The whole time: Node's own call would cut it.
    execFileSync('touch', ['-r', path, `${path}.time`]);
    const file = await open(path, 'r+');
    const byte = Buffer.alloc(1);
    await file.read(byte, 0, 1, position);
    await file.write(Buffer.of((byte[0] ?? 0) ^ 0x40), 0, 1, position);
    await file.close();
    execFileSync('touch', ['-r', `${path}.time`, path]);
    await rm(`${path}.time`);
  }

  /** Trackers hand out `node` for a root. */
  handOut(root: string, node: PeerNode, sizeBytes: number): void {
    const row = formatLookupRow({ address: { ip: '127.0.0.1', port: node.local.port }, sizeBytes, root: root as never });
    this.#rows.set(root, [...(this.#rows.get(root) ?? []), row]);
  }

  /** Scrubs; `watched` gets a line for what is told of it. Time goes on as far as it takes. */
  async scrub(node: PeerNode, options: Partial<ScrubOptions> = {}): Promise<{ report: ScrubReport; watched: string[] }> {
    const watched: string[] = [];
    let isOver = false;
    const scrubbing = node
      .scrub({
        isRepair: false,
        bytesPerSecond: undefined,
        signal: new AbortController().signal,
        watcher: {
          damaged: ({ name }, { chunkIndex, reason }) => watched.push(`${name} ${chunkIndex} ${reason}`),
          mended: ({ name }, chunkIndex) => watched.push(`${name} ${chunkIndex} mended`),
          notMended: ({ name }, chunks, { code }) => watched.push(`${name} ${chunks.join(',')} not mended: ${code}`),
          changed: ({ name }) => watched.push(`${name} changed`),
          failed: ({ name }) => watched.push(`${name} failed`),
        },
        ...options,
      })
      .finally(() => {
        isOver = true;
      });
    this.#scrubs.push(scrubbing.catch(() => undefined));
    while (!isOver && options.signal?.aborted !== true) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    // One that was told to end and hangs is left behind, as by a process that was killed.
    if (!isOver) throw options.signal?.reason;
    return { report: await scrubbing, watched };
  }

  /** The first line that a node answers to a request. */
  async asked(node: PeerNode, request: string): Promise<string> {
    const client = new RawClient(node.local.port);
    client.socket.write(`${request}\n`);
    const line = await client.line();
    client.socket.destroy();
    return line;
  }

  /** Which chunks a node says that it has, as ones and zeros. */
  async have(node: PeerNode, name: string, chunkCount: number): Promise<string> {
    const client = new RawClient(node.local.port);
    client.socket.write(`HAVE ${name}\n`);
    const bits = await client.body();
    client.socket.destroy();
    return Array.from(bits, (byte) => byte.toString(2).padStart(8, '0'))
      .join('')
      .slice(0, chunkCount);
  }

  #answer(line: string): string {
    const [verb, what = ''] = line.split(' ');
    if (verb !== 'LOOKUP') return yes(line);
    const rows = this.#rows.get(what.slice(1)) ?? [];
    return `OK ${rows.length}\n${rows.join('')}`;
  }
}

/** What a node knew of damage when it ended. */
export function rememberedBy(ledger: DamageLedger): DamageLedger {
  return new DamageLedger(ledger.records as readonly DamageRecord[]);
}
