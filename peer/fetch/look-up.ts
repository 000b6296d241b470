/** Who has what a person asked for: what is meant, as soon as one tracker says who has it; those that answer later only add peers. */
import type { ShoalError } from '../../common/core/errors.js';
import type { ContentRoot } from '../../common/core/root.js';
import type { ContentFinder, Lookup } from '../discovery/find-content.js';
import { type ChosenContent, chooseContent, isEnough } from './choose-content.js';
import type { FetchSource } from './fetch-source.js';
import { KnownPeers } from './known-peers.js';

export interface LookUpPorts {
  readonly finder: Pick<ContentFinder, 'lookup'>;
  /** Ends the wait for the first answer, where the whole is to end. */
  readonly abortable: <T>(promise: Promise<T>) => Promise<T>;
  readonly trackerFailed: (tracker: string, error: ShoalError) => void;
}

export interface FoundPeers {
  readonly chosen: ChosenContent;
  /** More may come. */
  readonly peers: KnownPeers;
}

/** Throws as `chooseContent`. `shown` is what the person typed. */
export async function lookUp(ports: LookUpPorts, source: FetchSource, shown: string): Promise<FoundPeers> {
  const peers = new KnownPeers(source.peers, false);
  let root: ContentRoot | undefined;
  const take = (from: string, { contents, failures }: Lookup) => {
    // One that was not waited for to the end has not failed.
    for (const { tracker, error } of failures) if (error.code !== 'STOPPED') ports.trackerFailed(tracker, error);
    for (const content of contents) if (content.root === root) peers.add(content.peers, from);
  };
  const lookup = ports.finder.lookup(source.content, {
    isEnough: (contents) => isEnough(source, contents),
    late: take,
    over: () => peers.end(),
  });
  const first = await ports.abortable(lookup);
  const chosen = chooseContent(source, first, shown);
  root = chosen.root;
  take('trackers', first);
  return { chosen, peers };
}
