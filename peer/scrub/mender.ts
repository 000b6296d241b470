/**
 * Mends shared files: fetches the damaged chunks from other peers by their root, as a fetch goes on with what it lacks, and writes them
 * where they belong. Who is asked, what is believed of them and who is banned is the business of the download.
 */

import { Bitfield } from '../../common/core/bitfield.js';
import { chunkCount } from '../../common/core/chunks.js';
import { ShoalError } from '../../common/core/errors.js';
import type { HostPort } from '../../common/core/peer-address.js';
import type { ContentRoot } from '../../common/core/root.js';
import { ContentFinder } from '../discovery/find-content.js';
import { Catalog } from '../fetch/catalog.js';
import { Download } from '../fetch/download.js';
import type { FetchPorts } from '../fetch/fetch-session.js';
import { KnownPeers } from '../fetch/known-peers.js';
import { lookupsOf } from '../fetch/peer-lookups.js';
import { Plan } from '../fetch/plan.js';
import type { FileIdentity } from '../hash/file-identity.js';
import type { HashCache } from '../hash/hash-cache.js';
import type { Introduction } from '../net/introduction.js';
import { partPaths } from '../store/part-paths.js';
import { TargetLock } from '../store/target-lock.js';
import type { DamageLedger, FileContent } from './damage-ledger.js';
import { MendFile } from './mend-file.js';

/** Milliseconds without a chunk after which nobody is waited for any more. */
const PATIENCE_MS = 20_000;

export interface MenderPorts extends Omit<FetchPorts, 'offering' | 'load'> {
  readonly cache: () => Promise<Pick<HashCache, 'store' | 'flush'>>;
  readonly ledger: Pick<DamageLedger, 'moved'>;
}

export interface MenderOptions {
  readonly trackers: readonly HostPort[];
  /** How this node makes itself known to peers, so that it is not taken for another. */
  readonly introduction: Introduction;
}

export interface MendWork {
  readonly content: FileContent;
  readonly chunks: readonly number[];
  /** Of the folder that it is in: who has that has the file. */
  readonly folderRoot: ContentRoot | undefined;
  /** A chunk is as it should be, on disk. */
  readonly mended: (chunkIndex: number) => void;
  readonly signal: AbortSignal;
}

export class Mender {
  readonly #ports: MenderPorts;
  readonly #options: MenderOptions;

  constructor(ports: MenderPorts, options: MenderOptions) {
    this.#ports = ports;
    this.#options = options;
  }

  /**
   * Resolves when all chunks are mended. Throws `NETWORK` where nobody has one of them, what `MendFile` throws, and the signal's reason;
   * what was mended until then is.
   */
  async mend(work: MendWork): Promise<void> {
    const { root, source, manifest } = work.content;
    const { pool, disk, ledger } = this.#ports;
    work.signal.throwIfAborted();
    const lock = await TargetLock.take(this.#ports, partPaths(source.path, root).lock, beingWritten(source.path));
    try {
      const moved = async (before: FileIdentity) => {
        const cache = await this.#ports.cache();
        await cache.store(source.identity, manifest.hashName, manifest.hashes);
        await cache.flush(true);
        await ledger.moved({ path: source.path, identity: before }, source.identity);
      };
      const file = await MendFile.open({ disk, pool, moved }, work.content);
      await this.#download(work, file).finally(() => file.close());
    } finally {
      await lock.release().catch(() => undefined);
    }
  }

  async #download({ content, chunks, folderRoot, mended, signal }: MendWork, file: MendFile): Promise<void> {
    const { dialer, peerDialer, random, pool } = this.#ports;
    const { root, manifest, source } = content;
    const { trackers, introduction } = this.#options;
    const finder = new ContentFinder(this.#ports, trackers);
    const had = Bitfield.full(chunkCount(manifest.sizeBytes));
    for (const chunkIndex of chunks) had.delete(chunkIndex);
    const peers = new KnownPeers();
    const roots = folderRoot === undefined ? [root] : [root, folderRoot];
    const lookups = roots.flatMap((one) => lookupsOf(finder, sourceOf(one), { peers, root: one }));
    const { sizeBytes, hashName, hashes } = manifest;
    const byRoot = { by: 'root', root } as const;
    const download = new Download(
      { ...this.#ports, dialer: peerDialer ?? dialer, slots: pool.slots },
      {
        catalog: new Catalog([{ path: undefined, content: byRoot, root, sizeBytes, hashName, hashes }]),
        plan: new Plan(had, random),
        store: {
          acquire: async () => file.fd,
          release: () => undefined,
          pathOf: () => source.path,
          wrote: () => undefined,
          // What has landed is on disk already.
          checkpoint: async () => undefined,
        },
        pool: file,
        peers,
        lookups,
        swarm: { root, skippedCount: 0, introduction },
        patienceMs: PATIENCE_MS,
        onLanded: mended,
        events: SILENT,
      },
    );
    const stop = () => download.stop(signal.reason as ShoalError);
    signal.addEventListener('abort', stop, { once: true });
    try {
      await Promise.all(lookups.map((lookup) => lookup()));
      signal.throwIfAborted();
      await download.run();
    } finally {
      signal.removeEventListener('abort', stop);
      await finder.close();
    }
  }
}

const SILENT = {
  progress: () => undefined,
  peerConnected: () => undefined,
  peerFailed: () => undefined,
  peerBanned: () => undefined,
  syncFailed: () => undefined,
};

function sourceOf(root: ContentRoot) {
  const content = { by: 'root', root } as const;
  return { content, root, name: undefined, sizeBytes: undefined, trackers: [], peers: [] };
}

function beingWritten(path: string): () => ShoalError {
  return () => new ShoalError('BUSY', 'local', `${path} is being fetched or mended by another process.`);
}
