/**
 * A whole fetch, from what a person asked for to the final name:
 *
 *     look up ──► manifest ──► (folder: its index) ──► check what is there ──► download ──► publish
 *
 * It decides in which order things happen and leaves each to its module. Everything it opens it closes, whatever happens.
 */
import { asShoalError, ShoalError } from '../../common/core/errors.js';
import { baseName, type FileName } from '../../common/core/file-name.js';
import { FOLDER_TYPE } from '../../common/core/folder-index.js';
import { HASH_BYTES } from '../../common/core/hash.js';
import { CHUNK_BYTES } from '../../common/core/limits.js';
import type { Manifest } from '../../common/core/manifest.js';
import type { HostPort, PeerAddress } from '../../common/core/peer-address.js';
import type { ContentRoot } from '../../common/core/root.js';
import type { Clock } from '../../common/ports/clock.js';
import type { Dialer } from '../../common/ports/net.js';
import type { Random } from '../../common/ports/random.js';
import type { ContentRef } from '../../common/wire/peer-lines.js';
import { ContentFinder } from '../discovery/find-content.js';
import { hashFileRoot } from '../hash/file-root.js';
import type { HashPool } from '../hash/hash-pool.js';
import { partPaths } from '../store/part-paths.js';
import { PartStore } from '../store/part-store.js';
import { Catalog } from './catalog.js';
import { type ChosenContent, chooseContent } from './choose-content.js';
import { Download, type DownloadReport } from './download.js';
import type { FetchEvent, FetchResult } from './fetch-events.js';
import { checkEmptyFiles, folderCatalog, isFolderThere, readFolderIndex } from './fetch-folder.js';
import type { FetchSource } from './fetch-source.js';
import { MetadataFetch } from './metadata.js';
import { Plan } from './plan.js';
import type { SwarmPorts } from './swarm.js';
import { checkFreeSpace, inspectTarget, resolveTarget } from './target.js';

export interface FetchPorts {
  readonly dialer: Dialer;
  readonly clock: Clock;
  readonly random: Random;
  readonly pool: HashPool;
}

export interface FetchOptions {
  readonly source: FetchSource;
  /** What the person typed, for messages. */
  readonly shown: string;
  /** In addition to those of a link. */
  readonly trackers: readonly HostPort[];
  readonly out: string | undefined;
  readonly directory: string | undefined;
  readonly isOverwrite: boolean;
  /** Forget an unfinished download of the same content. */
  readonly isFresh: boolean;
  readonly patienceMs: number;
  readonly onEvent: (event: FetchEvent) => void;
  /** Its reason is a `ShoalError`; what was verified is kept. */
  readonly signal: AbortSignal;
}

/** A content with everything needed to fetch it. */
interface Goal {
  readonly name: string;
  readonly root: ContentRoot | undefined;
  readonly catalog: Catalog;
  readonly isFolder: boolean;
  readonly isVerified: boolean;
  readonly target: string;
  readonly peers: readonly PeerAddress[];
}

/** Fetches a content. Throws a `ShoalError` whose exit code is the command's. */
export async function fetchContent(ports: FetchPorts, options: FetchOptions): Promise<FetchResult> {
  return new ContentFetch(ports, options).run();
}

class ContentFetch {
  readonly #ports: FetchPorts;
  readonly #swarmPorts: SwarmPorts;
  readonly #options: FetchOptions;
  readonly #finder: ContentFinder;
  readonly #startedMs: number;

  constructor(ports: FetchPorts, options: FetchOptions) {
    this.#ports = ports;
    this.#swarmPorts = { ...ports, slots: ports.pool.slots };
    this.#options = options;
    this.#finder = new ContentFinder(ports, [...options.source.trackers, ...options.trackers]);
    this.#startedMs = ports.clock.nowMs();
  }

  async run(): Promise<FetchResult> {
    try {
      const chosen = await this.#lookup();
      const manifest = chosen.root === undefined ? undefined : await this.#manifest(chosen, chosen.root);
      const goal = await this.#goal(chosen, manifest);
      const { onEvent } = this.#options;
      onEvent({
        event: 'content',
        name: goal.name,
        root: goal.root ?? null,
        size: goal.catalog.totalBytes,
        type: goal.isFolder ? 'folder' : 'file',
        files: goal.catalog.files.length,
        verified: goal.isVerified,
      });
      await checkEmptyFiles(goal.catalog, this.#ports.pool);
      if (await this.#isThere(goal)) return await this.#alreadyThere(goal);
      return await this.#fetch(goal);
    } finally {
      await this.#finder.close();
    }
  }

  async #lookup(): Promise<ChosenContent> {
    const { source, shown, onEvent } = this.#options;
    this.#phase('lookup', `looking up ${shown}`);
    const lookup = await this.#abortable(this.#finder.lookup(source.content));
    const chosen = chooseContent(source, lookup, shown);
    for (const { tracker, error } of lookup.failures) onEvent({ event: 'tracker-failed', tracker, reason: error.message });
    return chosen;
  }

  async #manifest(chosen: ChosenContent, root: ContentRoot): Promise<Manifest | undefined> {
    this.#phase('connect', `connecting to ${chosen.peers.length} peer${chosen.peers.length === 1 ? '' : 's'}`);
    return this.#withMetadata(chosen.peers, (metadata) =>
      metadata.manifest({ content: { by: 'root', root }, root, sizeBytes: chosen.isSizeKnown ? chosen.sizeBytes : undefined }),
    );
  }

  async #withMetadata<T>(peers: readonly PeerAddress[], work: (metadata: MetadataFetch) => Promise<T>): Promise<T> {
    const { onEvent, signal } = this.#options;
    const metadata = new MetadataFetch(this.#swarmPorts, this.#ports.pool, peers, {
      peerFailed: (address, reason) => onEvent({ event: 'peer-failed', address, reason }),
      peerBanned: (address, reason) => onEvent({ event: 'peer-banned', address, reason }),
    });
    const stop = () => metadata.close(signal.reason as ShoalError);
    signal.addEventListener('abort', stop, { once: true });
    try {
      signal.throwIfAborted();
      return await work(metadata);
    } finally {
      signal.removeEventListener('abort', stop);
      metadata.close(new ShoalError('STOPPED', 'local', 'The manifests are there.'));
    }
  }

  async #goal(chosen: ChosenContent, manifest: Manifest | undefined): Promise<Goal> {
    const { source, out, directory } = this.#options;
    const name = source.name ?? manifest?.name ?? (`${chosen.root ?? 'content'}` as FileName);
    const target = await resolveTarget({ out, directory, baseName: baseName(name) });
    const common = { name, root: chosen.root, target, peers: chosen.peers };
    if (manifest?.type === FOLDER_TYPE && chosen.root !== undefined) {
      const files = await this.#folderFiles(chosen.root, name, manifest, target, chosen.peers);
      return { ...common, catalog: files, isFolder: true, isVerified: true };
    }
    const content: ContentRef = chosen.root === undefined ? source.content : { by: 'root', root: chosen.root };
    const catalog = new Catalog([singleFile(content, chosen, manifest)]);
    return { ...common, catalog, isFolder: false, isVerified: chosen.root !== undefined };
  }

  /** Fetches a folder's index like any file, beside the target, and makes the catalog of its files. */
  async #folderFiles(
    root: ContentRoot,
    name: FileName,
    manifest: Manifest,
    target: string,
    peers: readonly PeerAddress[],
  ): Promise<Catalog> {
    const { index, journal } = partPaths(target, root);
    const catalog = new Catalog([singleFile({ by: 'root', root }, { sizeBytes: manifest.sizeBytes, root }, manifest)]);
    const goal: Goal = { name, root, catalog, isFolder: false, isVerified: true, target: index, peers };
    if (!(await this.#isThere(goal))) await this.#fetch(goal, true);
    const files = await readFolderIndex(index);
    return this.#withMetadata(peers, (metadata) => folderCatalog(files, manifest.hashName, metadata, this.#ports.pool, journal));
  }

  async #isThere({ target, root, catalog, isFolder }: Goal): Promise<boolean> {
    const state = await inspectTarget(target);
    if (state.kind === 'absent') return false;
    if (this.#options.isOverwrite && (state.kind === 'folder') === isFolder) {
      // The same content need not be written over itself.
      return root !== undefined && !isFolder && (await this.#isSameFile(target, root, catalog));
    }
    if (root !== undefined && isFolder && state.kind === 'folder' && (await isFolderThere(target, catalog, this.#ports.pool)))
      return true;
    if (root !== undefined && !isFolder && (await this.#isSameFile(target, root, catalog))) return true;
    const what = state.kind === 'other' ? `is ${state.what}` : `exists, is a ${state.kind}, and is not what you asked for`;
    const advice =
      (state.kind === 'folder') === isFolder && state.kind !== 'other'
        ? 'choose another --out, or replace it with --overwrite'
        : 'choose another --out';
    throw new ShoalError('TARGET_EXISTS', 'environment', `${target} ${what}; ${advice}.`);
  }

  async #isSameFile(target: string, root: ContentRoot, catalog: Catalog): Promise<boolean> {
    const state = await inspectTarget(target);
    if (state.kind !== 'file' || state.sizeBytes !== catalog.totalBytes) return false;
    const hashName = catalog.files[0]?.hashName ?? 'blake3';
    return (await hashFileRoot(this.#ports.pool, target, state.sizeBytes, hashName)) === root;
  }

  async #alreadyThere(goal: Goal): Promise<FetchResult> {
    // A crash between the rename and the end leaves these behind.
    const store = await PartStore.open({
      paths: partPaths(goal.target, goal.root ?? '-'),
      root: goal.root ?? '-',
      name: goal.name,
      isFolder: goal.isFolder,
    });
    await store.discard();
    await store.close();
    return this.#result(goal, { fetchedBytes: 0, wastedBytes: 0, peers: [] }, 0, true);
  }

  async #fetch(goal: Goal, isIndex = false): Promise<FetchResult> {
    // What cannot be told from another content chunk by chunk comes from one peer at a time, and never half from each.
    const isMixable =
      goal.isFolder ||
      (goal.catalog.files.every((file) => file.hashes !== undefined || file.sizeBytes <= CHUNK_BYTES) && goal.isVerified);
    if (isMixable) return this.#fetchFrom(goal, goal.peers, true, isIndex);
    const why = goal.root === undefined ? 'no peer gives a root' : 'no peer gives a manifest; the whole is checked at the end';
    this.#options.onEvent({ event: 'unverified', reason: why });
    let last: ShoalError | undefined;
    for (const peer of goal.peers) {
      try {
        return await this.#fetchFrom(goal, [peer], false, isIndex);
      } catch (error) {
        last = asShoalError(error);
        if (last.code !== 'NETWORK' && last.code !== 'VERIFY_FAILED') throw last;
      }
    }
    throw last ?? new ShoalError('NETWORK', 'remote', 'No peer is left.');
  }

  async #fetchFrom(goal: Goal, peers: readonly PeerAddress[], isMixable: boolean, isIndex: boolean): Promise<FetchResult> {
    const { isFresh, signal, onEvent, isOverwrite } = this.#options;
    const { root, catalog } = goal;
    const paths = partPaths(goal.target, root ?? '-');
    const store = await PartStore.open({ paths, root: root ?? '-', name: goal.name, isFolder: goal.isFolder });
    try {
      const isStartingAfresh = isFresh || !isMixable;
      if (isStartingAfresh) await store.discard();
      this.#phase('check', 'checking what is there already', catalog.totalBytes);
      const { had, damagedCount } = await store.begin(catalog, isStartingAfresh, this.#ports.pool, (doneBytes) => {
        signal.throwIfAborted();
        onEvent({ event: 'progress', phase: 'check', doneBytes, totalBytes: catalog.totalBytes, peers: 0 });
      });
      let resumedBytes = 0;
      for (const [first, count] of had.runs())
        for (let unit = first; unit < first + count; unit += 1) resumedBytes += catalog.lengthOf(unit);
      if (resumedBytes > 0 || damagedCount > 0)
        onEvent({ event: 'resumed', bytes: resumedBytes, chunks: had.count, damaged: damagedCount });
      await checkFreeSpace(paths.folder, catalog.totalBytes - resumedBytes);
      this.#phase('fetch', goal.name, catalog.totalBytes, resumedBytes);
      const hashes = isMixable ? undefined : new Uint8Array(catalog.unitCount * HASH_BYTES);
      const report = await this.#download(goal, store, new Plan(had), peers, hashes);
      this.#phase('finish', 'making it last');
      if (hashes !== undefined && root !== undefined) await this.#checkRoot(root, catalog, hashes, store);
      await store.publish(isOverwrite || isIndex);
      return this.#result(goal, report, resumedBytes, false);
    } finally {
      await store.close();
    }
  }

  async #download(
    goal: Goal,
    store: PartStore,
    plan: Plan,
    peers: readonly PeerAddress[],
    hashes: Uint8Array | undefined,
  ): Promise<DownloadReport> {
    const { signal, onEvent, patienceMs, source } = this.#options;
    const { catalog, root } = goal;
    const isMixable = hashes === undefined;
    const download = new Download(this.#swarmPorts, {
      catalog,
      plan,
      store,
      pool: this.#ports.pool,
      peers,
      patienceMs,
      findPeers: async () => (isMixable ? await this.#morePeers(source.content, root) : []),
      ...(hashes === undefined ? {} : { onHash: (unit, hash) => hashes.set(hash, unit * HASH_BYTES) }),
      events: {
        progress: (doneBytes, peerCount) =>
          onEvent({ event: 'progress', phase: 'fetch', doneBytes, totalBytes: catalog.totalBytes, peers: peerCount }),
        peerConnected: (address) => onEvent({ event: 'peer-connected', address }),
        peerFailed: (address, reason) => onEvent({ event: 'peer-failed', address, reason }),
        peerBanned: (address, reason) => onEvent({ event: 'peer-banned', address, reason }),
        syncFailed: (chunks) => onEvent({ event: 'sync-failed', chunks }),
      },
    });
    const stop = () => download.stop(signal.reason as ShoalError);
    signal.addEventListener('abort', stop, { once: true });
    try {
      signal.throwIfAborted();
      return await download.run();
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  async #morePeers(content: ContentRef, root: ContentRoot | undefined): Promise<readonly PeerAddress[]> {
    const { contents } = await this.#finder.lookup(content);
    return [...this.#options.source.peers, ...contents.filter((found) => found.root === root).flatMap((found) => found.peers)];
  }

  /** For a content whose hashes were not known before: whether the whole is what the root names. */
  async #checkRoot(root: ContentRoot, catalog: Catalog, hashes: Uint8Array, store: PartStore): Promise<void> {
    const { pool } = this.#ports;
    const sizeBytes = catalog.totalBytes;
    if ((await pool.root({ sizeBytes, chunkBytes: CHUNK_BYTES, hashes }, 'blake3')) === root) return;
    // A root does not say which hash function made it.
    if ((await hashFileRoot(pool, store.pathOf(0), sizeBytes, 'sha256')) === root) return;
    await store.discard();
    throw new ShoalError('VERIFY_FAILED', 'remote', 'What the peer sent is not what the root names; it was thrown away.');
  }

  #result(goal: Goal, report: DownloadReport, resumedBytes: number, isAlreadyThere: boolean): FetchResult {
    return {
      path: goal.target,
      name: goal.name,
      root: goal.root ?? null,
      type: goal.isFolder ? 'folder' : 'file',
      files: goal.catalog.files.length,
      size: goal.catalog.totalBytes,
      verified: goal.isVerified,
      isAlreadyThere,
      durationMs: this.#ports.clock.nowMs() - this.#startedMs,
      resumedBytes,
      ...report,
    };
  }

  #phase(phase: 'lookup' | 'connect' | 'check' | 'fetch' | 'finish', what: string, totalBytes = 0, doneBytes = 0): void {
    this.#options.signal.throwIfAborted();
    this.#options.onEvent({ event: 'phase', phase, what, totalBytes, doneBytes });
  }

  /** The promise, or the signal's reason as soon as it comes. */
  async #abortable<T>(promise: Promise<T>): Promise<T> {
    const { signal } = this.#options;
    let stop: (() => void) | undefined;
    const aborted = new Promise<never>((_resolve, reject) => {
      stop = () => reject(signal.reason as ShoalError);
      signal.addEventListener('abort', stop, { once: true });
    });
    try {
      return await Promise.race([promise, aborted]);
    } finally {
      if (stop !== undefined) signal.removeEventListener('abort', stop);
    }
  }
}

function singleFile(
  content: ContentRef,
  { sizeBytes, root }: { sizeBytes: number; root: ContentRoot | undefined },
  manifest: Manifest | undefined,
) {
  return {
    path: undefined,
    content,
    root,
    sizeBytes: manifest?.sizeBytes ?? sizeBytes,
    hashName: manifest?.hashName ?? 'blake3',
    hashes: manifest?.hashes,
    ...(manifest?.mtimeMs === undefined ? {} : { mtimeMs: manifest.mtimeMs }),
  } as const;
}
