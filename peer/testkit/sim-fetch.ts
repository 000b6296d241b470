/**
 * A fetch on the simulated network without a disk: the program's own manifests, plan, swarm and download. Every chunk is really hashed,
 * and what is right is kept in memory, so that lies are found out as they are in a real fetch.
 */
import { Bitfield } from '../../common/core/bitfield.js';
import { ShoalError } from '../../common/core/errors.js';
import { formatPeerAddress, type PeerAddress } from '../../common/core/peer-address.js';
import { contentRoot } from '../../common/core/root.js';
import { hashFunction } from '../../common/node/hash.js';
import type { Clock } from '../../common/ports/clock.js';
import type { ByteStream, Dialer, StreamHandlers } from '../../common/ports/net.js';
import type { Random } from '../../common/ports/random.js';
import { BanList } from '../fetch/ban-list.js';
import { Catalog } from '../fetch/catalog.js';
import { DialBudget } from '../fetch/dial-budget.js';
import { Download } from '../fetch/download.js';
import type { DownloadOptions, DownloadReport } from '../fetch/download-options.js';
import { KnownPeers } from '../fetch/known-peers.js';
import { MetadataFetch } from '../fetch/metadata.js';
import { Plan } from '../fetch/plan.js';
import { isExpectedChunk } from '../hash/expected-chunk.js';
import type { Hasher } from '../hash/hasher.js';
import { SlotMemory } from '../hash/slot-memory.js';
import { chunkOf, type TestContent } from './test-content.js';

/** As many as a pool of two threads has. */
const SLOT_COUNT = 64;
/** Checking and writing a chunk: a usual machine. */
const LAND_MS = 2;

export interface SimFetchPorts {
  readonly dialer: Dialer;
  readonly clock: Clock;
  readonly random: Random;
  /** Of earlier fetches: to make new memory for each of thousands would take longer than they do. */
  readonly slots?: SlotMemory;
}

export interface SimFetchOptions {
  readonly patienceMs?: number;
  /** A person's or a tracker's; `link` unless told. */
  readonly source?: string;
  /** What is there from before. */
  readonly had?: Bitfield;
}

export class SimFetch {
  readonly peers: KnownPeers;
  /** Addresses, as text, in the order in which it happened. */
  readonly banned: string[] = [];
  readonly failed: string[] = [];
  /** How often each address was dialed. */
  readonly dialCounts = new Map<string, number>();
  /** What of the content is verified. */
  readonly had: Bitfield;
  readonly slots: SlotMemory;
  /** When chunks were begun to be asked for; the manifest is there then. */
  manifestMs: number | undefined;
  receivedBytes = 0;
  readonly #ports: SimFetchPorts;
  readonly #content: TestContent;
  readonly #patienceMs: number;
  readonly #bytes: Buffer;
  #download: Download | undefined;

  constructor(ports: SimFetchPorts, content: TestContent, peers: readonly PeerAddress[], options: SimFetchOptions = {}) {
    this.#ports = ports;
    this.#content = content;
    this.#patienceMs = options.patienceMs ?? 30_000;
    this.peers = new KnownPeers();
    this.peers.add(peers, options.source ?? 'link');
    this.had = options.had ?? new Bitfield(content.chunkCount);
    this.#bytes = Buffer.alloc(content.bytes.length);
    for (let at = 0; at < this.had.length; at += 1)
      if (this.had.has(at)) chunkOf(this.#bytes, at).set(chunkOf(content.bytes, at));
    this.slots = ports.slots ?? new SlotMemory(SLOT_COUNT);
  }

  /** Whether all that counts as fetched is byte for byte that of the content, in its place. */
  get isExact(): boolean {
    for (let at = 0; at < this.had.length; at += 1)
      if (this.had.has(at) && !chunkOf(this.#bytes, at).equals(chunkOf(this.#content.bytes, at))) return false;
    return true;
  }

  /** Throws as a fetch does. */
  async run(): Promise<DownloadReport> {
    const { clock, random } = this.#ports;
    const { root, bytes, hashName } = this.#content;
    const ports = { dialer: this.#dialer(), clock, random, slots: this.slots, budget: new DialBudget(), bans: new BanList() };
    const told = {
      peerFailed: (address: string) => void this.failed.push(address),
      peerBanned: (address: string) => void this.banned.push(address),
    };
    const metadata = new MetadataFetch(ports, HASHER, this.peers, told);
    const content = { by: 'root', root } as const;
    const wish = { content, root, sizeBytes: bytes.length };
    const found = await metadata.manifest(wish).finally(() => metadata.close(new ShoalError('STOPPED', 'local', 'It is there.')));
    this.manifestMs = clock.nowMs();
    if (found === undefined) throw new ShoalError('VERIFY_FAILED', 'remote', 'Nobody gives the manifest.');
    this.#download = new Download(ports, {
      catalog: new Catalog([{ path: undefined, sizeBytes: bytes.length, content, root, hashName, hashes: found.hashes }]),
      plan: new Plan(this.had, random),
      store: STORE,
      pool: { land: (landing) => this.#land(landing) },
      peers: this.peers,
      lookups: [],
      swarm: { root, skippedCount: 0, introduction: {} },
      patienceMs: this.#patienceMs,
      onLanded: () => undefined,
      events: { ...told, progress: () => undefined, peerConnected: () => undefined, syncFailed: () => undefined },
    });
    return this.#download.run();
  }

  stop(): void {
    this.#download?.stop(new ShoalError('STOPPED', 'local', 'The test has ended.'));
  }

  #land({ slotOffset, lengthBytes, expectation, position }: Parameters<Hasher['land']>[0]): ReturnType<Hasher['land']> {
    const hash = hashFunction(this.#content.hashName);
    const chunk = new Uint8Array(this.slots.shared, slotOffset, lengthBytes);
    const found = hash(chunk);
    const isRight = isExpectedChunk(chunk, found, expectation, hash);
    if (isRight) this.#bytes.set(chunk, position);
    const result = isRight ? ({ kind: 'landed', hash: found, hashMs: 0, writeMs: 0 } as const) : ({ kind: 'mismatch' } as const);
    return new Promise((resolve) => this.#ports.clock.setTimer('land', LAND_MS, () => resolve(result)));
  }

  /** Counts dials, and the bytes that come in. */
  #dialer(): Dialer {
    const dial: Dialer['dial'] = (to, timeoutMs, makeHandlers, signal) => {
      const key = formatPeerAddress({ ip: to.host, port: to.port });
      this.dialCounts.set(key, (this.dialCounts.get(key) ?? 0) + 1);
      const counting = (stream: ByteStream): StreamHandlers => {
        const handlers = makeHandlers(stream);
        const data = (bytes: Uint8Array) => {
          this.receivedBytes += bytes.length;
          handlers.data(bytes);
        };
        return { ...handlers, data };
      };
      return this.#ports.dialer.dial(to, timeoutMs, counting, signal);
    };
    return { dial };
  }
}

const HASHER: Pick<Hasher, 'root'> = { root: async (input, hashName) => contentRoot(input, hashFunction(hashName)) };

/** Writes nothing, and loses nothing. */
const STORE: DownloadOptions['store'] = {
  acquire: async () => 0,
  release: () => undefined,
  pathOf: () => 'nowhere',
  wrote: () => undefined,
  checkpoint: async () => undefined,
};
