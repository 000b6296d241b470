/**
 * Reads shared files again, chunk by chunk, to find what their disk has damaged since they were hashed; and has it mended where that is wanted.
 *
 *     run of chunks ──► read and hashed ──► damaged: served no longer, remembered, told ── repair ──► mended: served again
 *                                      └──► another state of the file: it was edited, and is hashed anew by whoever shares it
 *
 * Invariant: what was found damaged is not served from that moment on, until it was read again and was right.
 */
import type { ByteSpan } from '../../common/core/chunks.js';
import { asShoalError, type ShoalError } from '../../common/core/errors.js';
import { CHUNK_BYTES } from '../../common/core/limits.js';
import type { ContentRoot } from '../../common/core/root.js';
import type { Clock } from '../../common/ports/clock.js';
import type { FileIdentity } from '../hash/file-identity.js';
import type { HashCache } from '../hash/hash-cache.js';
import type { Hasher } from '../hash/hasher.js';
import type { ShareIndex } from '../share/share-index.js';
import type { SharedContent } from '../share/shared-content.js';
import type { Sharing } from '../share/sharing.js';
import { sortInSlices } from '../share/slice-sort.js';
import { type CheckResult, checkChunks, type DamagedChunk, runEnd } from './chunk-check.js';
import type { DamageLedger, FileContent } from './damage-ledger.js';
import type { Mender } from './mender.js';
import { Pace } from './pace.js';
import { SecondLooks } from './second-looks.js';
import { wait } from './wait.js';

/** Where a scrub is: the chunk that is next. */
export interface ScrubPlace {
  readonly name: string;
  readonly chunkIndex: number;
}

/** What a scrub tells whoever asked for it. */
export interface ScrubWatcher {
  begun?(fileCount: number, totalBytes: number): void;
  /** So far, of all that was to be read. */
  progress?(doneBytes: number, place: ScrubPlace): void;
  /** Also what was known to be before. */
  damaged?(content: FileContent, chunk: DamagedChunk): void;
  mended?(content: FileContent, chunkIndex: number): void;
  /** These chunks stay damaged. */
  notMended?(content: FileContent, chunks: readonly number[], error: ShoalError): void;
  /** It was edited, or is gone. */
  changed?(content: FileContent): void;
  /** It could not be read. */
  failed?(content: FileContent, message: string): void;
}

/** What a node tells everybody of its scrubs. */
export interface ScrubEvents {
  /** A chunk was found damaged and is not served any more. */
  damaged(content: FileContent, chunk: DamagedChunk): void;
  /** A chunk that was damaged is served again. */
  mended(content: FileContent, chunkIndex: number): void;
}

export interface ScrubOptions {
  readonly isRepair: boolean;
  /** `undefined`: as fast as the disk gives it. */
  readonly bytesPerSecond: number | undefined;
  /** Where an earlier one ended; left out, at the beginning. */
  readonly from?: ScrubPlace | undefined;
  /** Resolves when the next few MiB may be read; left out, at once. */
  readonly turn?: () => Promise<void>;
  readonly watcher: ScrubWatcher;
  readonly signal: AbortSignal;
}

export interface ScrubReport {
  readonly fileCount: number;
  readonly readBytes: number;
  /** Chunks that were found damaged, and those of them that were mended. */
  readonly damagedCount: number;
  readonly mendedCount: number;
  /** Files that were edited meanwhile, and that could not be read. */
  readonly changedCount: number;
  readonly failedCount: number;
}

export interface ScrubberPorts {
  readonly clock: Clock;
  readonly pool: Pick<Hasher, 'hash'>;
  readonly cache: () => Promise<Pick<HashCache, 'lookup' | 'store' | 'flush'>>;
  readonly index: Pick<ShareIndex, 'contents' | 'find'>;
  readonly sharing: Pick<Sharing, 'mark' | 'withdraw'>;
  readonly ledger: DamageLedger;
  readonly mender: Pick<Mender, 'mend'>;
  readonly events: Partial<ScrubEvents>;
  readonly note: (text: string) => void;
}

type Counts = { -readonly [Key in keyof ScrubReport]: ScrubReport[Key] };

export class Scrubber {
  readonly #ports: ScrubberPorts;
  /** The last state of a damaged file whose hashes were seen to be in the cache. */
  #remembered: FileIdentity | undefined;
  /** To be closed with the node. */
  readonly secondLooks: SecondLooks;

  constructor(ports: ScrubberPorts) {
    this.#ports = ports;
    this.secondLooks = new SecondLooks(
      ports.clock,
      async ({ content, chunkIndex }) => (await this.#unreadable(content, chunkIndex, chunkIndex + 1)).length > 0,
    );
  }

  /** Reads every shared file once. Throws the signal's reason, and what `Hasher.hash` does. */
  async run(options: ScrubOptions): Promise<ScrubReport> {
    const { from, watcher, signal } = options;
    const { note } = this.#ports;
    const files = await this.#files(from);
    const pace = new Pace(options.bytesPerSecond);
    const skippedBytes = (from?.chunkIndex ?? 0) * CHUNK_BYTES;
    const totalBytes = files.reduce((sum, { manifest }) => sum + manifest.sizeBytes, 0);
    watcher.begun?.(files.length, Math.max(0, totalBytes - (files[0]?.name === from?.name ? skippedBytes : 0)));
    const counts: Counts = { fileCount: 0, readBytes: 0, damagedCount: 0, mendedCount: 0, changedCount: 0, failedCount: 0 };
    for (const content of files) {
      const first = content.name === from?.name ? from.chunkIndex : 0;
      signal.throwIfAborted();
      const damaged = await this.#check(content, first, { options, pace, counts });
      counts.fileCount += 1;
      if (options.isRepair && damaged.length > 0) await this.#mend(content, damaged, options, counts);
    }
    // Whoever is told of damage may take it that this peer knows, whatever happens to it.
    if (counts.damagedCount > 0) await this.#ports.ledger.flush().catch((error: unknown) => note(asShoalError(error).message));
    return counts;
  }

  /** Somebody wanted bytes that the disk did not give: what is damaged of them is not served until it was read. Never throws. */
  async suspect(content: SharedContent, { offset, lengthBytes }: ByteSpan): Promise<void> {
    if (!isFile(content)) return;
    const [first, end] = [Math.floor(offset / CHUNK_BYTES), Math.ceil((offset + lengthBytes) / CHUNK_BYTES)];
    for (const chunkIndex of await this.#unreadable(content, first, end)) this.secondLooks.add(content, chunkIndex);
  }

  /** Checks chunks that the disk may not give; returns those that it does not. Never throws. */
  async #unreadable(content: FileContent, first: number, end: number): Promise<readonly number[]> {
    if (!this.#isServed(content)) return [];
    try {
      const result = await this.#checkRun(content, first, end);
      if (result.kind !== 'checked') return [];
      return result.damaged.filter(({ reason }) => reason === 'unreadable').map(({ chunkIndex }) => chunkIndex);
    } catch (error) {
      this.#ports.note(asShoalError(error).message);
      return [];
    }
  }

  /** What is shared from files, by name, from a place on. */
  async #files(from: ScrubPlace | undefined): Promise<FileContent[]> {
    const files: FileContent[] = [];
    for (const content of this.#ports.index.contents())
      if (isFile(content) && (from === undefined || content.name >= from.name)) files.push(content);
    return sortInSlices(files, (left, right) => (left.name < right.name ? -1 : 1));
  }

  /** Returns the chunks that are damaged. */
  async #check(
    content: FileContent,
    firstChunk: number,
    { options, pace, counts }: { readonly options: ScrubOptions; readonly pace: Pace; readonly counts: Counts },
  ): Promise<readonly number[]> {
    const { clock } = this.#ports;
    const { watcher, signal, turn } = options;
    const all: number[] = [];
    for (let first = firstChunk; ; ) {
      const end = runEnd(content, first);
      if (end <= first) break;
      if (!this.#isServed(content)) {
        // Somebody else saw it first; whatever has its name now was hashed just then.
        counts.changedCount += 1;
        watcher.changed?.(content);
        break;
      }
      const startMs = clock.nowMs();
      await turn?.();
      signal.throwIfAborted();
      const bytes = Math.min(end * CHUNK_BYTES, content.manifest.sizeBytes) - first * CHUNK_BYTES;
      const restMs = pace.take(bytes, startMs);
      const result = await this.#checkRun(content, first, end);
      if (result.kind !== 'checked') {
        this.#notChecked(content, result, watcher, counts);
        break;
      }
      counts.readBytes += bytes;
      counts.damagedCount += result.damaged.length;
      for (const chunk of result.damaged) watcher.damaged?.(content, chunk);
      all.push(...result.damaged.map(({ chunkIndex }) => chunkIndex));
      first = end;
      watcher.progress?.(counts.readBytes, { name: content.name, chunkIndex: end });
      await wait(clock, startMs + restMs - clock.nowMs(), signal);
    }
    return all;
  }

  /** Checks chunks, and serves no longer what is damaged, and again what is not. */
  async #checkRun(content: FileContent, first: number, end: number): Promise<CheckResult> {
    const { source } = content;
    for (;;) {
      const { identity } = source;
      const result = await checkChunks(this.#ports.pool, content, first, end - first);
      if (result.kind === 'changed' && (source.mending !== undefined || source.identity !== identity)) {
        // Mended meanwhile, by this process.
        await source.mending;
        continue;
      }
      if (result.kind !== 'checked') return result;
      for (const chunk of result.damaged) this.#found(content, chunk);
      const bad = new Set(result.damaged.map(({ chunkIndex }) => chunkIndex));
      for (let chunkIndex = first; chunkIndex < end; chunkIndex += 1)
        if (!content.holding.has(chunkIndex) && !bad.has(chunkIndex)) this.#good(content, chunkIndex);
      if (bad.size > 0) await this.#remember(content);
      return result;
    }
  }

  /**
   * A damaged file is known after a start by the hashes that it had. They are not in the cache where it was hashed just after it was
   * written, or came from a fetch; it would be hashed and shared as it lies there, damage and all.
   */
  async #remember({ source: { identity }, manifest: { hashName, hashes } }: FileContent): Promise<void> {
    if (this.#remembered === identity) return;
    this.#remembered = identity;
    const cache = await this.#ports.cache();
    if ((await cache.lookup(identity, hashName)) === undefined) await cache.store(identity, hashName, hashes);
    await cache.flush(true);
  }

  #found(content: FileContent, chunk: DamagedChunk): void {
    const { sharing, events, ledger } = this.#ports;
    const isNews = content.holding.has(chunk.chunkIndex);
    sharing.mark(content, chunk.chunkIndex, true);
    if (isNews) events.damaged?.(content, chunk);
    ledger.add(content, chunk.chunkIndex);
  }

  #good(content: FileContent, chunkIndex: number): void {
    const { sharing, events, ledger } = this.#ports;
    sharing.mark(content, chunkIndex, false);
    events.mended?.(content, chunkIndex);
    ledger.remove(content, chunkIndex);
  }

  #notChecked(
    content: FileContent,
    result: Exclude<CheckResult, { kind: 'checked' }>,
    watcher: ScrubWatcher,
    counts: Counts,
  ): void {
    if (result.kind === 'failed') {
      counts.failedCount += 1;
      watcher.failed?.(content, result.message);
      return;
    }
    counts.changedCount += 1;
    watcher.changed?.(content);
    this.#ports.sharing.withdraw(content);
    this.#ports.ledger.forget(content.source.path);
  }

  async #mend(content: FileContent, chunks: readonly number[], options: ScrubOptions, counts: Counts): Promise<void> {
    const { watcher, signal } = options;
    const left = new Set(chunks);
    const mended = (chunkIndex: number) => {
      left.delete(chunkIndex);
      counts.mendedCount += 1;
      this.#good(content, chunkIndex);
      watcher.mended?.(content, chunkIndex);
    };
    try {
      // What is written to has to be known as damaged after a crash too.
      await this.#ports.ledger.flush();
      await this.#ports.mender.mend({ content, chunks, folderRoot: this.#folderRoot(content), mended, signal });
    } catch (error) {
      const shoal = asShoalError(error);
      if (signal.aborted) throw signal.reason;
      watcher.notMended?.(content, [...left], shoal);
    }
  }

  #isServed(content: FileContent): boolean {
    return this.#ports.index.find({ by: 'name', name: content.name }) === content;
  }

  #folderRoot({ name }: FileContent): ContentRoot | undefined {
    const [top = ''] = name.split('/');
    const folder = top === name ? undefined : this.#ports.index.find({ by: 'name', name: top as FileContent['name'] });
    return folder?.source.kind === 'memory' ? folder.root : undefined;
  }
}

function isFile(content: SharedContent): content is FileContent {
  return content.source.kind === 'file';
}
