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

/** How a ledger outlives the process. */
export interface LedgerKeeper {
  /** Something is known that was not; it is to be on disk soon. */
  changed(): void;
  /** Resolves when all that is known is on disk. */
  save(): Promise<void>;
}

/** A record that changes. */
interface Damage {
  readonly path: string;
  readonly root: ContentRoot;
  identity: FileIdentity;
  readonly chunks: Set<number>;
}

export class DamageLedger {
  readonly #damages = new Map<string, Damage>();
  #chunkCount = 0;
  #keeper: LedgerKeeper = { changed: () => undefined, save: () => Promise.resolve() };

  constructor(records: readonly DamageRecord[] = []) {
    for (const { chunks, ...rest } of records) {
      this.#damages.set(rest.path, { ...rest, chunks: new Set(chunks) });
      this.#chunkCount += chunks.length;
    }
  }

  /** What is remembered. */
  get records(): readonly DamageRecord[] {
    return [...this.#damages.values()].map(({ chunks, ...rest }) => ({ ...rest, chunks: ascending(chunks) }));
  }

  keepWith(keeper: LedgerKeeper): void {
    this.#keeper = keeper;
  }

  /** The damaged chunks of a content; none where what is known is of another content, or the file is not what it was. */
  chunksOf(content: SharedContent): readonly number[] {
    return ascending(this.#damageOf(content)?.chunks ?? []);
  }

  add(content: FileContent, chunkIndex: number): void {
    const { source, root } = content;
    if (this.#chunkCount >= CHUNKS_MAX_COUNT) return;
    if (this.#damageOf(content) === undefined) this.forget(source.path);
    const { path, identity } = source;
    const damage = this.#damages.get(path) ?? { path, root, identity, chunks: new Set() };
    if (damage.chunks.has(chunkIndex)) return;
    damage.chunks.add(chunkIndex);
    this.#damages.set(path, damage);
    this.#chunkCount += 1;
    this.#keeper.changed();
  }

  remove(content: FileContent, chunkIndex: number): void {
    const damage = this.#damageOf(content);
    if (damage?.chunks.delete(chunkIndex) !== true) return;
    this.#chunkCount -= 1;
    if (damage.chunks.size === 0) this.#damages.delete(damage.path);
    this.#keeper.changed();
  }

  /** Forgets what is known of a file: it is not what it was. */
  forget(path: string): void {
    const damage = this.#damages.get(path);
    if (damage === undefined) return;
    this.#damages.delete(path);
    this.#chunkCount -= damage.chunks.size;
    this.#keeper.changed();
  }

  /** This process wrote to a file, of which the record now holds in another state; resolves when that is on disk. Throws as what keeps it. */
  async moved({ path, identity: before }: Pick<DamageRecord, 'path' | 'identity'>, identity: FileIdentity): Promise<void> {
    const damage = this.#damages.get(path);
    if (damage === undefined || !sameIdentity(damage.identity, before)) return;
    damage.identity = identity;
    await this.#keeper.save();
  }

  /** Resolves when all that is known is on disk. Throws as what keeps it. */
  flush(): Promise<void> {
    return this.#keeper.save();
  }

  #damageOf({ root, source }: SharedContent): Damage | undefined {
    const damage = source.kind === 'file' ? this.#damages.get(source.path) : undefined;
    const isOfThis = source.kind === 'file' && damage?.root === root && sameIdentity(damage.identity, source.identity);
    return isOfThis ? damage : undefined;
  }
}

function ascending(chunks: Iterable<number>): number[] {
  return [...chunks].sort((left, right) => left - right);
}
