/**
 * Remembers the chunk hashes of files, so that sharing or verifying again reads nothing: one append-only log in the cache folder.
 *
 * Only where the newest record of each file begins is held in memory; a look-up reads that record, and neighbours come from the same
 * block. Records are checked as they are read, so it does no harm when another process appends to, cuts or replaces the log.
 * A cache that cannot be read or written is no cache: one note, never an error.
 */
import { join } from 'node:path';
import { chunkCount } from '../../common/core/chunks.js';
import { asShoalError, systemCode } from '../../common/core/errors.js';
import { HASH_BYTES, type HashName } from '../../common/core/hash.js';
import { CHUNKS_MAX_COUNT, HASH_CACHE_MAX_BYTES, HASH_CACHE_SETTLE_MS } from '../../common/core/limits.js';
import {
  decodeFrames,
  encodeFrame,
  encodeLogHead,
  frameLength,
  hasLogHead,
  LOG_HEAD_BYTES,
} from '../../common/core/record-log.js';
import { freshName, removeLeftovers } from '../../common/node/atomic-write.js';
import { makeFolders, removeIfThere, withFile } from '../../common/node/disk-work.js';
import { hashFunction } from '../../common/node/hash.js';
import type { Disk, DiskFile } from '../../common/ports/disk.js';
import type { Processes } from '../../common/ports/processes.js';
import type { FileIdentity } from './file-identity.js';
import { decodeRecord, encodeRecord, placeKey, placeOfKey, recordKey } from './hash-record.js';

const LOG_NAME = 'hashes.log';
const MAGIC = 'shoalHC';
const VERSION = 1;

/** Bytes of a record: the hashes of the largest content and its key. */
const CACHE_RECORD_MAX_BYTES = CHUNKS_MAX_COUNT * HASH_BYTES + 1024;
/** Bytes read at once. */
const BLOCK_BYTES = 256 * 1024;
/** Bytes of new records that wait for one write. */
const FLUSH_BYTES = 64 * 1024;
/** Bytes of garbage that are not worth a compaction. */
const GARBAGE_MIN_BYTES = 1024 * 1024;

const checksum = hashFunction('blake3');

export interface HashCachePorts {
  readonly disk: Disk;
  readonly processes: Processes;
  /** Milliseconds since 1970. */
  readonly epochNowMs: () => number;
}

export interface HashCacheOptions {
  /** Folder of the log; made where it is missing. */
  readonly folder: string;
  /** Told once where the cache cannot be used. */
  readonly note: (text: string) => void;
  /** Bytes of the log beyond which its oldest half is dropped. */
  readonly maxBytes?: number;
}

/** Where a record lies in the log. */
interface Place {
  readonly at: number;
  readonly frameBytes: number;
}

export class HashCache {
  readonly #ports: HashCachePorts;
  readonly #options: HashCacheOptions;
  readonly #path: string;
  /** The log that was opened, for look-ups; `undefined` where there is none. */
  #log: DiskFile | undefined;
  readonly #places = new Map<string, Place>();
  #block: { at: number; bytes: Uint8Array } = { at: 0, bytes: new Uint8Array(0) };
  #unwritten: { readonly key: string; readonly frame: Uint8Array }[] = [];
  #unwrittenBytes = 0;
  #writing: Promise<void> = Promise.resolve();
  #isBroken = false;

  private constructor(ports: HashCachePorts, options: HashCacheOptions) {
    this.#ports = ports;
    this.#options = options;
    this.#path = join(options.folder, LOG_NAME);
  }

  /** Opens the cache of a folder. Never throws. */
  static async open(ports: HashCachePorts, options: HashCacheOptions): Promise<HashCache> {
    const cache = new HashCache(ports, options);
    try {
      await cache.#load();
    } catch (error) {
      await cache.#giveUp(error);
    }
    return cache;
  }

  /** HASH_BYTES bytes a chunk, the caller's own; `undefined` where this state of the file is not known. */
  async lookup(identity: FileIdentity, hashName: HashName): Promise<Uint8Array | undefined> {
    const place = this.#places.get(placeKey(identity, hashName));
    if (place === undefined || this.#log === undefined) return undefined;
    try {
      const record = decodeRecord(await this.#read(place));
      if (record?.key !== recordKey(identity, hashName)) return undefined;
      const isWhole = record.hashes.length === chunkCount(identity.sizeBytes) * HASH_BYTES;
      return isWhole ? Uint8Array.prototype.slice.call(record.hashes) : undefined;
    } catch (error) {
      await this.#giveUp(error);
      return undefined;
    }
  }

  /** Remembers hashes; a file that was written a moment ago is not worth it, for it could change without its times telling. */
  async store(identity: FileIdentity, hashName: HashName, hashes: Uint8Array): Promise<void> {
    const ageMs = this.#ports.epochNowMs() - Number(identity.mtimeNs / 1_000_000n);
    if (this.#isBroken || ageMs < HASH_CACHE_SETTLE_MS || identity.sizeBytes === 0) return;
    const frame = encodeFrame(encodeRecord({ key: recordKey(identity, hashName), hashes }), checksum);
    this.#unwritten.push({ key: placeKey(identity, hashName), frame });
    this.#unwrittenBytes += frame.length;
    if (this.#unwrittenBytes >= FLUSH_BYTES) await this.flush();
  }

  /** Appends what was stored; `isLasting`: it, and all before it, outlasts a power cut. Never throws. */
  flush(isLasting = false): Promise<void> {
    this.#writing = this.#writing.then(() => this.#append(isLasting));
    return this.#writing;
  }

  async close(): Promise<void> {
    await this.flush();
    const log = this.#log;
    this.#log = undefined;
    this.#places.clear();
    await log?.close();
  }

  async #load(): Promise<void> {
    const { disk } = this.#ports;
    await makeFolders(disk, this.#options.folder, 0o700);
    await removeLeftovers(this.#ports, this.#path);
    const log = await this.#openLog();
    this.#log = log;
    const head = new Uint8Array(LOG_HEAD_BYTES);
    await log.read(head, 0);
    const totalBytes = (await log.status()).sizeBytes;
    if (!hasLogHead(head, MAGIC, VERSION)) return this.#replace([]);
    const goodBytes = await this.#index(log);
    if (goodBytes < totalBytes) await withFile(disk, this.#path, 'write', (file) => file.truncate(goodBytes));
    const live = [...this.#places.values()].sort((left, right) => left.at - right.at);
    const liveBytes = live.reduce((sum, place) => sum + place.frameBytes, 0);
    const maxBytes = this.#options.maxBytes ?? HASH_CACHE_MAX_BYTES;
    const garbageBytes = goodBytes - LOG_HEAD_BYTES - liveBytes;
    if (goodBytes > maxBytes) await this.#replace(newest(live, maxBytes / 2));
    else if (garbageBytes > liveBytes && garbageBytes > Math.min(GARBAGE_MIN_BYTES, maxBytes / 4)) await this.#replace(live);
  }

  /** Walks the log piece by piece and notes where records begin; returns where its good part ends. */
  async #index(log: DiskFile): Promise<number> {
    let at = LOG_HEAD_BYTES;
    let buffer = new Uint8Array(BLOCK_BYTES);
    let held = 0;
    for (;;) {
      const gotBytes = await log.read(buffer.subarray(held), at + held);
      held += gotBytes;
      const bytes = buffer.subarray(0, held);
      let frameAt = at;
      const goodBytes = decodeFrames(bytes, checksum, (payload) => {
        const frameBytes = frameLength(bytes.subarray(frameAt - at)) ?? 0;
        const key = decodeRecord(payload)?.key;
        if (key !== undefined) this.#places.set(placeOfKey(key), { at: frameAt, frameBytes });
        frameAt += frameBytes;
      });
      at += goodBytes;
      buffer.copyWithin(0, goodBytes, held);
      held -= goodBytes;
      const needBytes = frameLength(buffer.subarray(0, held), CACHE_RECORD_MAX_BYTES);
      const isGarbage = needBytes === undefined || (needBytes <= held && goodBytes === 0);
      if (isGarbage || (gotBytes === 0 && goodBytes === 0)) return at;
      if (needBytes > buffer.length) {
        const larger = new Uint8Array(needBytes);
        larger.set(buffer.subarray(0, held));
        buffer = larger;
      }
    }
  }

  /** The payload at a place, or nothing in it where the log has something else there now. */
  async #read({ at, frameBytes }: Place): Promise<Uint8Array> {
    const isInBlock = at >= this.#block.at && at + frameBytes <= this.#block.at + this.#block.bytes.length;
    if (!isInBlock && this.#log !== undefined) {
      const bytes = new Uint8Array(Math.max(BLOCK_BYTES, frameBytes));
      const gotBytes = await this.#log.read(bytes, at);
      this.#block = { at, bytes: bytes.subarray(0, gotBytes) };
    }
    let found = new Uint8Array(0);
    const frame = this.#block.bytes.subarray(at - this.#block.at, at - this.#block.at + frameBytes);
    decodeFrames(frame, checksum, (payload) => {
      found = payload as Uint8Array<ArrayBuffer>;
    });
    return found;
  }

  /** Puts a log with only these records in the place of the old one. */
  async #replace(live: readonly Place[]): Promise<void> {
    const places = new Map([...this.#places].map(([key, place]) => [place.at, key]));
    this.#places.clear();
    const next = await this.#putNext(async (log) => {
      let at = LOG_HEAD_BYTES;
      for (const place of live) {
        const frame = encodeFrame(await this.#read(place), checksum);
        await log.write(frame, at);
        this.#places.set(places.get(place.at) ?? '', { at, frameBytes: frame.length });
        at += frame.length;
      }
    });
    await this.#log?.close();
    this.#log = next;
    this.#block = { at: 0, bytes: new Uint8Array(0) };
  }

  async #append(isLasting: boolean): Promise<void> {
    const records = this.#unwritten;
    this.#unwritten = [];
    this.#unwrittenBytes = 0;
    if ((records.length === 0 && !isLasting) || this.#isBroken) return;
    try {
      // Opened by name each time: another process may have put a new log there. One write, so that appends do not mix.
      await withFile(this.#ports.disk, this.#path, 'append', async (log) => {
        const bytes = Buffer.concat(records.map((record) => record.frame));
        await log.append(bytes);
        if (isLasting) await log.sync();
        const [written, read] = [await log.status(), await this.#log?.status()];
        if (written.ino !== read?.ino) return;
        // Right unless another process appended in between; then the look-up finds something else there, and nothing is lost.
        let at = written.sizeBytes - bytes.length;
        for (const { key, frame } of records) {
          this.#places.set(key, { at, frameBytes: frame.length });
          at += frame.length;
        }
      });
      if (isLasting) await this.#ports.disk.syncFolder(this.#options.folder);
    } catch (error) {
      await this.#giveUp(error);
    }
  }

  /** Opens the log for reading; a new one gets its head under another name first, so that nobody sees it without. */
  async #openLog(): Promise<DiskFile> {
    const { disk } = this.#ports;
    const existing = await disk.open(this.#path, 'read').catch((error: unknown) => {
      if (systemCode(error) === 'ENOENT') return undefined;
      throw error;
    });
    if (existing !== undefined) return existing;
    return this.#putNext(async () => undefined);
  }

  /** Puts a log in the place of the old one, with a head and what `fill` writes behind it. Nothing is left of one that fails. */
  async #putNext(fill: (log: DiskFile) => Promise<void>): Promise<DiskFile> {
    const { disk } = this.#ports;
    const [nextPath, next] = await this.#openNext();
    try {
      await next.write(encodeLogHead(MAGIC, VERSION), 0);
      await fill(next);
      await disk.rename(nextPath, this.#path);
      return next;
    } catch (error) {
      await next.close();
      await removeIfThere(disk, nextPath);
      throw error;
    }
  }

  /** An empty file for what comes in the place of the log. */
  async #openNext(): Promise<[path: string, file: DiskFile]> {
    const { disk, processes } = this.#ports;
    const path = freshName(processes, this.#path);
    // Of a process that had this number before.
    await removeIfThere(disk, path);
    return [path, await disk.open(path, 'create-new', 0o600)];
  }

  async #giveUp(error: unknown): Promise<void> {
    if (this.#isBroken) return;
    this.#isBroken = true;
    this.#places.clear();
    this.#options.note(`The hash cache ${this.#path} is not used: ${asShoalError(error).message}. Files are hashed each time.`);
    await this.#log?.close().catch(() => undefined);
    this.#log = undefined;
  }
}

function newest(live: readonly Place[], maxBytes: number): Place[] {
  const kept: Place[] = [];
  let bytes = 0;
  for (const place of live.toReversed()) {
    bytes += place.frameBytes;
    if (bytes > maxBytes) break;
    kept.push(place);
  }
  return kept.reverse();
}
