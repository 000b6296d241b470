/**
 * Why each path is shared in a node that stays: it is kept for good, or a command that is attached wants it, or both.
 *
 *     a command shares ──► owned by it ── it ends ──► not shared, unless somebody else owns it
 *     shared or fetched for good ──► kept, in the state ── taken back by its path or name ──► not shared
 *
 * Invariant: what is kept is what the state names; a name stands for one path, which the node sees to.
 */
import { basename, resolve } from 'node:path';
import { asShoalError, ShoalError } from '../../common/core/errors.js';
import { KEPT_SHARES_MAX_COUNT } from '../../common/core/limits.js';
import type { PeerNode } from '../node.js';
import type { SharePlace } from '../share/share-place.js';
import type { ShareNews } from '../share/sharing.js';

/** Who wants a name to be shared: one object for each command. */
type Owner = object;

/** The owner of what is kept for good. */
const KEEPER: Owner = {};

export interface ShareOwnersPorts {
  readonly node: Pick<PeerNode, 'share' | 'shares' | 'unshare' | 'seed'>;
  readonly note: (text: string) => void;
  /** What is kept has changed; resolves when it is on disk. */
  readonly save: () => Promise<void>;
  /** A name is not shared any more. */
  readonly forgotten: (name: string) => void;
}

export class ShareOwners {
  readonly #ports: ShareOwnersPorts;
  readonly #owners = new Map<string, Set<Owner>>();
  readonly #kept = new Map<string, SharePlace>();

  constructor(ports: ShareOwnersPorts, kept: readonly SharePlace[]) {
    this.#ports = ports;
    for (const place of kept) this.#kept.set(place.name, place);
  }

  get kept(): readonly SharePlace[] {
    return [...this.#kept.values()];
  }

  /** What is kept, and nothing is served of: it is gone, or cannot be read. Before `restore` has resolved, also what comes yet. */
  get missing(): readonly SharePlace[] {
    const served = new Set(this.#ports.node.shares().flatMap(({ name, root }) => (root === undefined ? [] : [name])));
    return this.kept.filter(({ name }) => !served.has(name));
  }

  isKept(name: string): boolean {
    return this.#kept.has(name);
  }

  /** Shares again what the state names. What is not there now stays in the state: it may be on a disk that is not mounted. */
  async restore(): Promise<void> {
    for (const place of this.kept) {
      // Taken back while those before it were hashed.
      if (!this.#kept.has(place.name)) continue;
      this.#own([place.name], KEEPER);
      await this.#seed(place);
    }
  }

  /** Shares paths for as long as `owner` does not release them. Throws as `PeerNode.share`, and then owns nothing. */
  async share(paths: readonly string[], owner: Owner, news: ShareNews): Promise<void> {
    const names = namesOf(paths);
    this.#own(names, owner);
    try {
      await this.#ports.node.share(paths, news);
    } catch (error) {
      this.release(names, owner);
      throw error;
    }
    // Given up while it was being hashed.
    for (const name of names) if (!this.#owners.has(name)) this.#end(name);
  }

  /** Shares paths for good; resolves when that is on disk. Throws as `share`, and `LIMIT` with too many. */
  async keep(paths: readonly string[], news: ShareNews): Promise<void> {
    const names = namesOf(paths);
    const passing: Owner = {};
    await this.share(paths, passing, news);
    try {
      for (const { kind, path, name } of this.#ports.node.shares()) if (names.includes(name)) this.#keepOne({ kind, path, name });
      await this.#ports.save();
    } finally {
      this.release(names, passing);
    }
  }

  /** Goes on sharing what was fetched, for good; resolves when that is on disk. Throws `LIMIT`. */
  async keepFetched(place: SharePlace): Promise<void> {
    this.#keepOne(place);
    await this.#ports.save();
    // It may have to be hashed, which nobody has to wait for.
    void this.#seed(place);
  }

  /** What an owner does not want any more is not shared, where nobody else wants it. */
  release(names: readonly string[], owner: Owner): void {
    for (const name of names) {
      const owners = this.#owners.get(name);
      owners?.delete(owner);
      if (owners === undefined || owners.size > 0) continue;
      this.#owners.delete(name);
      this.#end(name);
    }
  }

  /** Takes back, whoever wants it, what is shared from a path or by a name; resolves with its names. Throws `NOT_FOUND`. */
  async unshare(wanted: { readonly name: string; readonly path: string }): Promise<readonly string[]> {
    const all = [...this.#ports.node.shares(), ...this.kept];
    const isMeant = ({ path, name }: SharePlace) => path === wanted.path || name === wanted.name;
    const names = [...new Set(all.filter(isMeant).map(({ name }) => name))];
    if (names.length === 0) throw new ShoalError('NOT_FOUND', 'local', `The running peer does not share "${wanted.name}".`);
    for (const name of names) {
      this.#kept.delete(name);
      this.#owners.delete(name);
      this.#end(name);
    }
    await this.#ports.save();
    return names;
  }

  async #seed({ kind, path, name }: SharePlace): Promise<void> {
    try {
      await this.#ports.node.seed({ type: kind, path, name });
      // Taken back while it was being hashed.
      if (!this.#owners.has(name)) this.#end(name);
    } catch (error) {
      const { code, message } = asShoalError(error);
      if (code !== 'STOPPED')
        this.#ports.note(`"${path}" is kept and cannot be shared now: ${message} "peer unshare" forgets it.`);
    }
  }

  #keepOne({ kind, path, name }: SharePlace): void {
    if (!this.#kept.has(name) && this.#kept.size >= KEPT_SHARES_MAX_COUNT) {
      const text = `At most ${KEPT_SHARES_MAX_COUNT} paths are kept; share a folder that holds many, or "peer unshare" some.`;
      throw new ShoalError('LIMIT', 'local', text);
    }
    this.#own([name], KEEPER);
    this.#kept.set(name, { kind, path, name });
  }

  #own(names: readonly string[], owner: Owner): void {
    for (const name of names) this.#owners.set(name, (this.#owners.get(name) ?? new Set()).add(owner));
  }

  #end(name: string): void {
    const path = this.#ports.node.shares().find((share) => share.name === name)?.path;
    if (path !== undefined) this.#ports.node.unshare(path);
    this.#ports.forgotten(name);
  }
}

/** The names that paths are shared under, where they may be shared at all. */
export function namesOf(paths: readonly string[]): readonly string[] {
  return paths.map((path) => basename(resolve(path)).normalize('NFC'));
}
