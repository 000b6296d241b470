/**
 * From what a person asked for to bytes in order, nothing but verified ones:
 *
 *     look up ──► manifest ──► (a path in a folder: the folder's index ──► manifest of the file) ──► chunks ──► sink
 *
 * Nothing is written to disk and nothing is shared.
 */
import { abortable } from '../../common/core/abortable.js';
import { chunkLength, chunkOffset } from '../../common/core/chunks.js';
import { asShoalError, ShoalError } from '../../common/core/errors.js';
import type { FileName } from '../../common/core/file-name.js';
import { FOLDER_TYPE } from '../../common/core/folder-index.js';
import { HASH_BYTES, type HashName } from '../../common/core/hash.js';
import { CHUNK_BYTES, FOLDER_INDEX_MAX_BYTES } from '../../common/core/limits.js';
import type { Manifest } from '../../common/core/manifest.js';
import type { HostPort } from '../../common/core/peer-address.js';
import type { ContentRoot } from '../../common/core/root.js';
import { hashFunction } from '../../common/node/hash.js';
import type { Clock } from '../../common/ports/clock.js';
import type { Dialer } from '../../common/ports/net.js';
import type { Random } from '../../common/ports/random.js';
import { ContentFinder } from '../discovery/find-content.js';
import { BanList } from '../fetch/ban-list.js';
import { DialBudget } from '../fetch/dial-budget.js';
import type { FetchSource } from '../fetch/fetch-source.js';
import type { KnownPeers } from '../fetch/known-peers.js';
import { lookUp } from '../fetch/look-up.js';
import { MetadataFetch } from '../fetch/metadata.js';
import { lookupsOf } from '../fetch/peer-lookups.js';
import type { PeerLookup } from '../fetch/peer-refresh.js';
import type { SwarmPorts } from '../fetch/swarm.js';
import { isExpectedChunk } from '../hash/expected-chunk.js';
import type { Hasher } from '../hash/hasher.js';
import type { Expectation } from '../hash/worker-task.js';
import { type ByteRange, spanOfRange } from './byte-range.js';
import { VerifiedReader } from './verified-reader.js';

export interface CatPorts {
  readonly dialer: Dialer;
  readonly clock: Clock;
  readonly random: Random;
  readonly pool: Hasher;
}

/** Where bytes go. */
export interface ByteSink {
  /** Resolves when `bytes` are needed no longer and there is room for more; with false where nobody wants any. */
  write(bytes: Uint8Array): Promise<boolean>;
}

export interface CatOptions {
  readonly source: FetchSource;
  /** What the person typed, for messages. */
  readonly shown: string;
  /** In addition to those of a link. */
  readonly trackers: readonly HostPort[];
  /** All of it where it is left out. */
  readonly range: ByteRange | undefined;
  readonly patienceMs: number;
  readonly note: (text: string) => void;
  /** Its reason is a `ShoalError`. */
  readonly signal: AbortSignal;
}

/** Who has it. */
interface Holders {
  readonly peers: KnownPeers;
  /** How trackers are asked for more of them. */
  readonly lookups: readonly PeerLookup[];
}

/** A content with its hashes, or so small that its root tells whether it is right. */
interface Readable extends Holders {
  readonly root: ContentRoot;
  readonly sizeBytes: number;
  readonly hashName: HashName;
  readonly hashes: Uint8Array | undefined;
  readonly type: string | undefined;
}

/** Throws a `ShoalError` whose exit code is the command's. */
export async function catContent(ports: CatPorts, options: CatOptions, sink: ByteSink): Promise<void> {
  const cat = new Cat(ports, options);
  try {
    await cat.run(sink);
  } finally {
    await cat.close();
  }
}

class Cat {
  readonly #ports: SwarmPorts;
  readonly #pool: Hasher;
  readonly #options: CatOptions;
  readonly #finder: ContentFinder;
  readonly #blame;

  constructor(ports: CatPorts, options: CatOptions) {
    this.#ports = { ...ports, slots: ports.pool.slots, budget: new DialBudget(), bans: new BanList() };
    this.#pool = ports.pool;
    this.#options = options;
    this.#finder = new ContentFinder(ports, [...options.source.trackers, ...options.trackers]);
    this.#blame = {
      peerFailed: (address: string, reason: string) => options.note(`${address} rests: ${reason}`),
      peerBanned: (address: string, reason: string) => options.note(`${address} is banned: ${reason}`),
    };
  }

  async run(sink: ByteSink): Promise<void> {
    const content = await this.#find();
    if (content.type === FOLDER_TYPE) {
      const { shown } = this.#options;
      throw new ShoalError(
        'USAGE',
        'local',
        `"${shown}" is a folder. Name a file in it: "${shown}/…"; peer fetch takes all of it.`,
      );
    }
    const { offset, lengthBytes } = spanOfRange(this.#options.range, content.sizeBytes);
    await this.#read(content, offset, offset + lengthBytes, (bytes) => sink.write(bytes));
  }

  close(): Promise<void> {
    return this.#finder.close();
  }

  async #find(): Promise<Readable> {
    const { source, shown } = this.#options;
    try {
      return await this.#lookUp(source, shown);
    } catch (error) {
      const folder = source.root === undefined ? folderOf(source) : undefined;
      if (asShoalError(error).code !== 'NOT_FOUND' || folder === undefined) throw error;
      // The files of a folder need not be registered.
      return await this.#findInside(folder.name, folder.path, error);
    }
  }

  async #findInside(name: FileName, path: FileName, missing: unknown): Promise<Readable> {
    const source = { ...this.#options.source, name, content: { by: 'name', name } as const };
    const folder = await this.#lookUp(source, name).catch((error: unknown) => {
      throw asShoalError(error).code === 'NOT_FOUND' ? missing : error;
    });
    if (folder.type !== FOLDER_TYPE || folder.sizeBytes > FOLDER_INDEX_MAX_BYTES) throw missing;
    const index = new Uint8Array(folder.sizeBytes);
    let gotBytes = 0;
    await this.#read(folder, 0, folder.sizeBytes, async (bytes) => {
      index.set(bytes, gotBytes);
      gotBytes += bytes.length;
      return true;
    });
    const file = (await this.#pool.readFolder(index)).find((one) => one.path === path);
    if (file === undefined) throw new ShoalError('NOT_FOUND', 'remote', `There is no "${path}" in the folder "${name}".`);
    return this.#withManifest(file.root, folder, file.sizeBytes, file.sizeBytes);
  }

  async #lookUp(source: FetchSource, shown: string): Promise<Readable> {
    const ports = {
      finder: this.#finder,
      abortable: <T>(promise: Promise<T>) => abortable(promise, this.#options.signal),
      trackerFailed: (tracker: string, { message }: ShoalError) => this.#options.note(`Tracker ${tracker}: ${message}`),
    };
    const { chosen, peers } = await lookUp(ports, source, shown);
    const { root, sizeBytes, isSizeKnown } = chosen;
    if (root === undefined) throw unverifiable(shown);
    const holders = { peers, lookups: lookupsOf(this.#finder, source, { peers, root }) };
    return this.#withManifest(root, holders, sizeBytes, isSizeKnown ? sizeBytes : undefined);
  }

  /** `knownBytes` is given where the size is more than a claim. */
  async #withManifest(
    root: ContentRoot,
    { peers, lookups }: Holders,
    claimedBytes: number,
    knownBytes: number | undefined,
  ): Promise<Readable> {
    const metadata = new MetadataFetch(this.#ports, this.#pool, peers, this.#blame);
    const found = await this.#closing(metadata, () =>
      metadata.manifest({ content: { by: 'root', root }, root, sizeBytes: knownBytes }),
    );
    const common = { root, peers, lookups };
    if (found !== undefined) return { ...common, ...hashesOf(found) };
    if (claimedBytes > CHUNK_BYTES || claimedBytes === 0) throw unverifiable(`@${root}`);
    return { ...common, sizeBytes: claimedBytes, hashName: 'blake3', hashes: undefined, type: undefined };
  }

  /** Gives the bytes from `start` to before `end`, chunk by chunk, until `take` resolves with false. */
  async #read(content: Readable, start: number, end: number, take: (bytes: Uint8Array) => Promise<boolean>): Promise<void> {
    if (start === end) return;
    const { root, sizeBytes, peers, lookups, hashName } = content;
    const hash = hashFunction(hashName);
    const [firstChunk, lastChunk] = [Math.floor(start / CHUNK_BYTES), Math.floor((end - 1) / CHUNK_BYTES)];
    const isRight = (chunkIndex: number, bytes: Uint8Array) =>
      isExpectedChunk(bytes, hash(bytes), expectationOf(content, chunkIndex), hash);
    const reader = new VerifiedReader(
      this.#ports,
      { content: { by: 'root', root }, sizeBytes, firstChunk, lastChunk, isRight },
      { ...this.#blame, peers, lookups, patienceMs: this.#options.patienceMs },
    );
    await this.#closing(reader, async () => {
      for (let chunkIndex = firstChunk; chunkIndex <= lastChunk; chunkIndex += 1) {
        const chunk = await reader.next();
        if (chunk === undefined) return;
        const offset = chunkOffset(chunkIndex);
        const isWanted = await take(
          chunk.bytes.subarray(Math.max(0, start - offset), Math.min(chunkLength(chunkIndex, sizeBytes), end - offset)),
        ).finally(() => chunk.release());
        if (!isWanted) return;
      }
    });
  }

  /** Does `work`, and closes what it uses with its end, or with the signal. */
  async #closing<T>(one: { close(reason: ShoalError): void }, work: () => Promise<T>): Promise<T> {
    const { signal } = this.#options;
    const stop = () => one.close(signal.reason as ShoalError);
    signal.addEventListener('abort', stop, { once: true });
    try {
      signal.throwIfAborted();
      return await abortable(work(), signal);
    } finally {
      signal.removeEventListener('abort', stop);
      one.close(new ShoalError('STOPPED', 'local', 'It is read.'));
    }
  }
}

function hashesOf({ sizeBytes, hashName, hashes, type }: Manifest) {
  return { sizeBytes, hashName, hashes, type };
}

function expectationOf({ hashes, root }: Readable, chunkIndex: number): Expectation {
  if (hashes === undefined) return { by: 'root', root };
  return { by: 'hash', hash: hashes.subarray(chunkIndex * HASH_BYTES, (chunkIndex + 1) * HASH_BYTES) };
}

/** `photos` and `2026/a.jpg` of `photos/2026/a.jpg`. */
function folderOf({ name }: FetchSource): { readonly name: FileName; readonly path: FileName } | undefined {
  const at = name?.indexOf('/') ?? -1;
  if (name === undefined || at < 0) return undefined;
  return { name: name.slice(0, at) as FileName, path: name.slice(at + 1) as FileName };
}

function unverifiable(shown: string): ShoalError {
  return new ShoalError(
    'VERIFY_FAILED',
    'remote',
    `Nobody gives what is needed to verify ${shown}, and only what is verified is written; peer fetch takes it unverified.`,
  );
}
