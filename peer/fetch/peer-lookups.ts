/** Where a running fetch asks for more peers. */

import type { ContentRoot } from '../../common/core/root.js';
import type { ContentFinder } from '../discovery/find-content.js';
import { groupRows } from '../discovery/find-content.js';
import type { FetchSource } from './fetch-source.js';
import { type KnownPeers, LINK_SOURCE } from './known-peers.js';
import type { PeerLookup } from './peer-refresh.js';

/** How each tracker is asked for more peers. Those of the link are named again too, which gives each another chance after a while. */
export function lookupsOf(
  finder: Pick<ContentFinder, 'sources'>,
  source: FetchSource,
  { peers, root }: { readonly peers: KnownPeers; readonly root: ContentRoot | undefined },
): PeerLookup[] {
  const nameAgain = () => peers.add(source.peers, LINK_SOURCE);
  const lookups = finder.sources.map((tracker) => async () => {
    nameAgain();
    try {
      const found = groupRows(await tracker.lookup(source.content)).filter((one) => one.root === root);
      for (const one of found) peers.add(one.peers, tracker.name);
      return true;
    } catch {
      return false;
    }
  });
  const fromLink = async () => {
    nameAgain();
    return true;
  };
  return lookups.length > 0 ? lookups : [fromLink];
}

/** For a fetch from one peer alone. */
export const noMore: PeerLookup = async () => true;
