/**
 * One peer of a simulated swarm: the program's own server, share index, plan and download, on a host of the simulated network.
 *
 * What is left out is what a swarm does not depend on: chunks are not hashed, not written and not read; each of these takes a time
 * that is given, and nothing else. All peers receive into one and the same memory, since nobody looks at what is in a chunk.
 */
import { Bitfield } from '../../common/core/bitfield.js';
import type { ByteSpan } from '../../common/core/chunks.js';
import { ShoalError } from '../../common/core/errors.js';
import { CHUNK_BYTES } from '../../common/core/limits.js';
import type { Manifest } from '../../common/core/manifest.js';
import type { PeerAddress } from '../../common/core/peer-address.js';
import type { ContentRoot } from '../../common/core/root.js';
import type { Timer } from '../../common/ports/clock.js';
import type { SimClock } from '../../common/sim/sim-clock.js';
import type { SimHost } from '../../common/sim/sim-network.js';
import type { SimRandom } from '../../common/sim/sim-random.js';
import { Catalog } from '../../peer/fetch/catalog.js';
import { Download } from '../../peer/fetch/download.js';
import type { DownloadOptions, DownloadReport } from '../../peer/fetch/download-options.js';
import { KnownPeers, SEEN_SOURCE } from '../../peer/fetch/known-peers.js';
import { Plan } from '../../peer/fetch/plan.js';
import { SLOT_HEAD_BYTES, type Slot } from '../../peer/hash/slot-memory.js';
import { drawProcessId } from '../../peer/net/introduction.js';
import { loadPercent } from '../../peer/net/load-percent.js';
import { ChunkServer } from '../../peer/net/server.js';
import { GrowingHolding } from '../../peer/share/growing-holding.js';
import { fullHolding, type Holding } from '../../peer/share/holding.js';
import { Introductions } from '../../peer/share/introductions.js';
import { ShareIndex } from '../../peer/share/share-index.js';
import type { SwarmTracker } from './sim-tracker.js';

const PORT = 4701;
/** The interval that the tracker gives. */
const ANNOUNCE_MS = 30_000;
/** Nobody gives up while the simulation runs. */
const PATIENCE_MS = 3_600_000;

export interface SwarmContent {
  readonly manifest: Manifest;
  readonly root: ContentRoot;
}

export interface SimPeerPorts {
  readonly clock: SimClock;
  readonly host: SimHost;
  readonly random: SimRandom;
  readonly tracker: SwarmTracker;
}

export interface SimPeerOptions {
  readonly content: SwarmContent;
  /** From when a chunk is here to when it is checked and written. */
  readonly landMs: number;
  /** To read a chunk from the disk. */
  readonly readMs: number;
  /** A chunk was given to the network. */
  readonly sending?: (chunkIndex: number) => void;
  /** A chunk is checked and written. */
  readonly landed?: (haveChunks: number) => void;
}

const SLOT: Slot = { bytes: new Uint8Array(SLOT_HEAD_BYTES + CHUNK_BYTES), chunkOffset: SLOT_HEAD_BYTES };
const HASH = new Uint8Array(32);

/** One slot for all: chunks have no contents, and the headers before them are looked at as they arrive. */
const SLOTS = {
  take: () => SLOT,
  release: () => undefined,
  whenFree: (resume: () => void) => resume(),
  wakeNext: () => undefined,
};

export class SimPeer {
  readonly address: PeerAddress;
  readonly #ports: SimPeerPorts;
  readonly #options: SimPeerOptions;
  readonly #index = new ShareIndex();
  #server: ChunkServer | undefined;
  #download: Download | undefined;
  #announcing: Timer | undefined;

  constructor(ports: SimPeerPorts, options: SimPeerOptions) {
    this.#ports = ports;
    this.#options = options;
    this.address = { ip: ports.host.ip, port: PORT };
  }

  /** How busy it is, 0 to 100. */
  get load(): number {
    return this.#server === undefined ? 0 : loadPercent(this.#server.load, undefined);
  }

  /** Has everything, and serves it. */
  async seed(): Promise<void> {
    await this.#serve(fullHolding(this.#chunkCount), drawProcessId(this.#ports.random), new Introductions());
    await this.#ports.tracker.register(this.address, undefined);
  }

  /** Fetches all, and serves what it has. Throws what stopped it. */
  async fetch(): Promise<DownloadReport> {
    const { content } = this.#options;
    const had = new Bitfield(this.#chunkCount);
    const growing = new GrowingHolding(had);
    const introductions = new Introductions();
    const introduction = { port: PORT, id: drawProcessId(this.#ports.random) };
    await this.#serve(growing.file(0, had.length), introduction.id, introductions);
    const { clock, host, random, tracker } = this.#ports;
    const peers = new KnownPeers(await tracker.lookup());
    this.#announce(had);
    const download = new Download(
      { dialer: host.dialer, clock, random, slots: SLOTS },
      {
        catalog: catalogOf(content),
        plan: new Plan(had, random),
        store: STORE,
        swarm: { root: content.root, skippedCount: 0, introduction },
        pool: {
          land: () => this.#after('land', this.#options.landMs, { kind: 'landed', hash: HASH, hashMs: 0, writeMs: 0 } as const),
        },
        peers,
        lookups: [
          async () => {
            peers.add(await tracker.lookup(), 'tracker');
            return true;
          },
        ],
        patienceMs: PATIENCE_MS,
        onLanded: (unit) => {
          growing.came(unit);
          this.#options.landed?.(had.count);
        },
        events: SILENT,
      },
    );
    this.#download = download;
    introductions.watch(content.root, (address) => peers.add([address], SEEN_SOURCE));
    const report = await download.run();
    this.#announcing?.cancel();
    await tracker.register(this.address, undefined);
    return report;
  }

  /** Goes as one who has said goodbye. */
  async leave(): Promise<void> {
    this.#announcing?.cancel();
    await this.#ports.tracker.unregister(this.address);
    await this.#server?.close();
  }

  /** The host is gone; the tracker does not know. */
  async crash(): Promise<void> {
    this.#announcing?.cancel();
    this.#ports.host.crash();
    this.#download?.stop(new ShoalError('STOPPED', 'local', 'The host has crashed.'));
    await this.#server?.close();
  }

  get #chunkCount(): number {
    return this.#options.content.manifest.hashes.length / HASH.length;
  }

  /** Tells the tracker how much is here, now and then. */
  #announce(had: Bitfield): void {
    void this.#ports.tracker.register(this.address, had.count);
    this.#announcing = this.#ports.clock.setTimer('announce', ANNOUNCE_MS, () => this.#announce(had));
  }

  async #serve(holding: Holding, id: string, introductions: Introductions): Promise<void> {
    const { manifest, root } = this.#options.content;
    const { clock, host } = this.#ports;
    this.#index.add({ name: manifest.name, root, manifest, holding, source: { kind: 'memory', bytes: HASH } });
    const reader = {
      read: (_content: unknown, { offset }: ByteSpan) => {
        this.#options.sending?.(offset / CHUNK_BYTES);
        return this.#after('read', this.#options.readMs, undefined);
      },
    };
    const ports = { listener: host.listenPort, clock, index: this.#index, reader };
    this.#server = await ChunkServer.listen(ports, {
      host: host.ip,
      port: PORT,
      id,
      peerSeen: (seenRoot, address) => introductions.seen(seenRoot, address),
    });
  }

  #after<T>(name: string, delayMs: number, value: T): Promise<T> {
    return new Promise((resolve) => this.#ports.clock.setTimer(name, delayMs, () => resolve(value)));
  }
}

/** Writes nothing, and loses nothing. */
const STORE: DownloadOptions['store'] = {
  acquire: async () => 0,
  release: () => undefined,
  pathOf: () => 'nowhere',
  wrote: () => undefined,
  checkpoint: async () => undefined,
};

const SILENT = {
  progress: () => undefined,
  peerConnected: () => undefined,
  peerFailed: () => undefined,
  peerBanned: () => undefined,
  syncFailed: () => undefined,
};

function catalogOf({ manifest, root }: SwarmContent): Catalog {
  const { sizeBytes, hashName, hashes } = manifest;
  return new Catalog([{ path: undefined, sizeBytes, content: { by: 'root', root }, root, hashName, hashes }]);
}
