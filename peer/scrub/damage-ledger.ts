/**
 * Which chunks of shared files are known to be damaged, by the path of the file. It outlives the process: where a file was being mended
 * when that ended, its state on disk is another than what its hashes are remembered under, and this tells why.
 *
 * Invariant: a file that is written to is in here, and on disk, before the first byte.
 */
import type { ContentRoot } from '../../common/core/root.js';
import { type FileIdentity, sameIdentity } from '../hash/file-identity.js';
import type { FileSource, SharedContent } from '../share/shared-content.js';

/** Damaged chunks that are remembered: 50 GiB of them, and a megabyte of state. What is beyond is not served either, and found again. */
const CHUNKS_MAX_COUNT = 100_000;

export interface DamageRecord {
  readonly path: string;
  readonly root: ContentRoot;
  /** In which the file was found damaged, or left after it was mended in part. */
  readonly identity: FileIdentity;
  /** Ascending. */
  readonly chunks: readonly number[];
}

/** A content whose bytes are in a file. */
export type FileContent = SharedContent & { readonly source: FileSource };

export class DamageLedger {
  readonly #records = new Map<string, DamageRecord>();
  #save: () => Promise<void> = () => Promise.resolve();

  constructor(records: readonly DamageRecord[] = []) {
    for (const record of records) this.#records.set(record.path, record);
  }

  /** What is remembered. */
  get records(): readonly DamageRecord[] {
    return [...this.#records.values()];
  }

  /** `save` resolves when the records are on disk; from now on it is called with each change. */
  keepWith(save: () => Promise<void>): void {
    this.#save = save;
  }

  /** The damaged chunks of a content; none where what is known is of another content, or the file is not what it was. */
  chunksOf({ root, source }: SharedContent): readonly number[] {
    const record = source.kind === 'file' ? this.#records.get(source.path) : undefined;
    const isOfThis = source.kind === 'file' && record?.root === root && sameIdentity(record.identity, source.identity);
    return isOfThis ? (record?.chunks ?? []) : [];
  }

  /** Resolves when it is on disk. Throws as what keeps it. */
  async add(content: FileContent, chunkIndex: number): Promise<void> {
    const chunks = this.chunksOf(content);
    const heldCount = this.records.reduce((sum, record) => sum + record.chunks.length, 0);
    if (chunks.includes(chunkIndex) || heldCount >= CHUNKS_MAX_COUNT) return;
    await this.#set(content, [...chunks, chunkIndex]);
  }

  /** Resolves when it is on disk. Throws as what keeps it. */
  async remove(content: FileContent, chunkIndex: number): Promise<void> {
    const chunks = this.chunksOf(content);
    if (!chunks.includes(chunkIndex)) return;
    await this.#set(
      content,
      chunks.filter((one) => one !== chunkIndex),
    );
  }

  /** Forgets what is known of a file: it is not what it was. */
  async forget(path: string): Promise<void> {
    if (this.#records.delete(path)) await this.#save();
  }

  /** This process wrote to a file, of which the record now holds in another state. */
  async moved({ path, identity: before }: Pick<DamageRecord, 'path' | 'identity'>, identity: FileIdentity): Promise<void> {
    const record = this.#records.get(path);
    if (record === undefined || !sameIdentity(record.identity, before)) return;
    this.#records.set(path, { ...record, identity });
    await this.#save();
  }

  /** Resolves when all that is known is on disk. Throws as what keeps it. */
  flush(): Promise<void> {
    return this.#save();
  }

  async #set({ source, root }: FileContent, chunks: readonly number[]): Promise<void> {
    const { path, identity } = source;
    const sorted = [...chunks].sort((left, right) => left - right);
    if (sorted.length === 0) this.#records.delete(path);
    else this.#records.set(path, { path, root, identity, chunks: sorted });
    await this.#save();
  }
}
