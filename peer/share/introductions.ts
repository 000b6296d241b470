/** Who wants to hear of peers that make themselves known, by content. */
import type { PeerAddress } from '../../common/core/peer-address.js';
import type { ContentRoot } from '../../common/core/root.js';

type Take = (address: PeerAddress) => void;

export class Introductions {
  readonly #takers = new Map<ContentRoot, Set<Take>>();

  /** Calls `take` with each peer that serves the content. Returns how to end that. */
  watch(root: ContentRoot, take: Take): () => void {
    const takers = this.#takers.get(root) ?? new Set();
    this.#takers.set(root, takers);
    takers.add(take);
    return () => {
      takers.delete(take);
      if (takers.size === 0 && this.#takers.get(root) === takers) this.#takers.delete(root);
    };
  }

  /** A peer said that it serves the content. */
  seen(root: ContentRoot, address: PeerAddress): void {
    for (const take of this.#takers.get(root) ?? []) take(address);
  }
}
