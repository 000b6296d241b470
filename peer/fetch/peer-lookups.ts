/** Where a running fetch asks for more peers. */
import { groupRows } from '../discovery/find-content.js';
import type { FetchSession } from './fetch-session.js';
import type { Goal } from './goal.js';
import { LINK_SOURCE } from './known-peers.js';
import type { PeerLookup } from './peer-refresh.js';

/** How each tracker is asked for more peers. Those of the link are named again too, which gives each another chance after a while. */
export function lookupsOf({ finder, options }: FetchSession, { peers, root }: Pick<Goal, 'peers' | 'root'>): PeerLookup[] {
  const { source } = options;
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
