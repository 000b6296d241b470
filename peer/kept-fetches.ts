/**
 * The fetching half of a node: what it has of a content while it fetches it is served, and what is kept is served on.
 * Invariant: a path is in `#kept` from when its fetch hands it over until it is unshared.
 */

import type { Announcer } from './discovery/announcer.js';
import { fetchContent } from './fetch/fetch-content.js';
import type { FetchResult } from './fetch/fetch-events.js';
import type { FetchOptions, FetchPorts } from './fetch/fetch-session.js';
import type { OfferPorts } from './fetch/offer.js';
import type { Shelf } from './node-server.js';
import type { SharedContent } from './share/shared-content.js';
import type { ShareNews, Sharing } from './share/sharing.js';

export type NodeFetchOptions = FetchOptions & {
  /** Whether it is served on when it is there. */
  readonly isKept: boolean;
};

export interface KeptFetchesParts {
  readonly shelf: Shelf;
  readonly announcer: Announcer;
  readonly sharing: Sharing;
  /** Where others reach what this node serves. */
  readonly port: number;
}

export class KeptFetches {
  readonly #ports: FetchPorts;
  readonly #sharing: Sharing;
  readonly #offering: Omit<OfferPorts, 'keep'>;
  readonly #kept = new Set<string>();

  constructor(ports: FetchPorts, { shelf: { index, reader, introductions, id }, announcer, sharing, port }: KeptFetchesParts) {
    this.#ports = ports;
    this.#sharing = sharing;
    this.#offering = {
      disk: ports.disk,
      index: {
        add: (content) => index.add(content),
        remove: (content) => {
          // A later fetch may put another file where this one was.
          reader.forget(content);
          return index.remove(content);
        },
      },
      announcer,
      introduction: { port, id },
      onPeerSeen: introductions.watch.bind(introductions),
    };
  }

  /** Throws as `fetchContent`. */
  fetch({ isKept, ...options }: NodeFetchOptions): Promise<FetchResult> {
    const keep = isKept ? this.#keep : undefined;
    return fetchContent({ ...this.#ports, offering: { ...this.#offering, keep } }, options);
  }

  /** Goes on serving what was fetched to be kept; hashes it where its fetch did not tell all hashes. Throws as `Sharing.share`. */
  async seed({ type, path, name }: Pick<FetchResult, 'type' | 'path' | 'name'>, news?: ShareNews): Promise<void> {
    if (!this.#kept.has(path)) await this.#sharing.shareAs(type, path, name, news);
  }

  /** Returns whether the path was shared. */
  unshare(path: string): boolean {
    this.#kept.delete(path);
    return this.#sharing.unshare(path);
  }

  readonly #keep = (kind: 'file' | 'folder', path: string, contents: readonly SharedContent[]): void => {
    this.#kept.add(path);
    this.#sharing.keep(kind, path, contents);
  };
}
