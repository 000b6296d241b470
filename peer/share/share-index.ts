/**
 * What this peer serves, by root and by name. Whatever is not in here does not exist for others.
 *
 * Several contents may have one root (copies of a file); a name stands for one content.
 * Invariant: each content is in both maps, or in none.
 */
import type { ContentRoot } from '../../common/core/root.js';
import type { ContentRef } from '../../common/wire/peer-lines.js';
import { OrderedContents, type PlacedContent } from './ordered-contents.js';
import type { SharedContent } from './shared-content.js';

export class ShareIndex {
  readonly #byName = new OrderedContents();
  /** A set only where there are copies: most roots have one content, and a folder may have a file 100,000 times. */
  readonly #byRoot = new Map<ContentRoot, SharedContent | Set<SharedContent>>();

  /** How many names are served. */
  get count(): number {
    return this.#byName.size;
  }

  /** Serves a content from now on, in place of what its name stood for. */
  add(content: SharedContent): void {
    const former = this.#byName.get(content.name);
    if (former !== undefined) this.#removeRoot(former);
    this.#byName.set(content);
    const same = this.#byRoot.get(content.root);
    if (same === undefined) this.#byRoot.set(content.root, content);
    else if (same instanceof Set) same.add(content);
    else this.#byRoot.set(content.root, new Set([same, content]));
  }

  /** Serves this very content no longer; returns whether it was served. */
  remove(content: SharedContent): boolean {
    if (this.#byName.get(content.name) !== content) return false;
    this.#byName.delete(content.name);
    this.#removeRoot(content);
    return true;
  }

  /** The content that a request names, or `undefined`. Of several copies one that has the chunk, where one does: each may be here in part. */
  find(ref: ContentRef, chunkIndex?: number): SharedContent | undefined {
    if (ref.by === 'name') return this.#byName.get(ref.name);
    const found = this.#byRoot.get(ref.root);
    if (!(found instanceof Set)) return found;
    const [first] = found;
    if (chunkIndex === undefined) return first;
    for (const content of found) if (content.holding.has(chunkIndex)) return content;
    return first;
  }

  /** Everything that is served, in the order in which the names came; also what comes meanwhile. */
  *contents(): IterableIterator<SharedContent> {
    for (const { content } of this.#byName.from(0)) yield content;
  }

  /** The same from a place on, with the place of each: it stays while the name is served, whatever else comes and goes. */
  from(place: number): IterableIterator<PlacedContent> {
    return this.#byName.from(place);
  }

  #removeRoot(content: SharedContent): void {
    const same = this.#byRoot.get(content.root);
    if (same instanceof Set) same.delete(content);
    if (!(same instanceof Set) || same.size === 0) this.#byRoot.delete(content.root);
  }
}
