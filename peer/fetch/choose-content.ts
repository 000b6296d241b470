/** Which of the contents that were found is meant. Pure. */
import { ShoalError } from '../../common/core/errors.js';
import type { ContentRoot } from '../../common/core/root.js';
import { formatBytes } from '../../common/core/units.js';
import type { FoundContent, Lookup } from '../discovery/find-content.js';
import type { FetchSource } from './fetch-source.js';

export interface ChosenContent extends FoundContent {
  /** Whether the size is known and not only claimed by a tracker. */
  readonly isSizeKnown: boolean;
}

/**
 * Whether what some trackers said is enough to begin with, while others have not answered: somebody has it, and what comes can be verified.
 * Where it cannot, a tracker that answers later may know a content that can.
 */
export function isEnough(source: FetchSource, contents: readonly FoundContent[]): boolean {
  if (source.peers.length > 0) return true;
  return contents.some(({ root }) => root !== undefined && (source.root === undefined || source.root === root));
}

/**
 * Throws `NOT_FOUND` where nobody has it, `NETWORK` where no tracker could be asked, and `USAGE` where several contents share the name,
 * with the root of each. `shown` is what the person typed.
 */
export function chooseContent(source: FetchSource, lookup: Lookup, shown: string): ChosenContent {
  if (source.root !== undefined) return byRoot(source, lookup, shown);
  const rooted = byRootAlone(lookup.contents.filter((content) => content.root !== undefined));
  // What can be verified comes before what cannot.
  const candidates = rooted.length > 0 ? rooted : lookup.contents;
  const [first, ...others] = candidates;
  if (first === undefined) throw nothingFound(lookup, shown);
  if (others.length === 0) return { ...first, isSizeKnown: false };
  const list = candidates.map((one) => {
    const how = one.root === undefined ? 'unverifiable, no root' : `@${one.root}`;
    return `  ${how}   ${formatBytes(one.sizeBytes)}, ${one.peers.length} peer${one.peers.length === 1 ? '' : 's'}`;
  });
  throw new ShoalError(
    'USAGE',
    'local',
    `${candidates.length} different contents are shared as "${shown}". Say which by its root, in place of the name:\n${list.join('\n')}`,
  );
}

/** A root binds the size, so whoever tells another one with it is wrong, and makes no other content of it. */
function byRootAlone(contents: readonly FoundContent[]): FoundContent[] {
  const merged = new Map<ContentRoot | undefined, FoundContent>();
  for (const content of contents) {
    const known = merged.get(content.root);
    merged.set(content.root, known === undefined ? content : { ...known, peers: [...known.peers, ...content.peers] });
  }
  return [...merged.values()];
}

function byRoot(source: FetchSource, lookup: Lookup, shown: string): ChosenContent {
  const found = lookup.contents.filter((content) => content.root === source.root);
  const peers = [...source.peers, ...found.flatMap((content) => content.peers)];
  if (peers.length === 0) throw nothingFound(lookup, shown);
  const sizeBytes = source.sizeBytes ?? found[0]?.sizeBytes ?? 0;
  return { sizeBytes, root: source.root, peers, isSizeKnown: source.sizeBytes !== undefined };
}

function nothingFound(lookup: Lookup, shown: string): ShoalError {
  const [failure] = lookup.failures;
  if (failure !== undefined && lookup.contents.length === 0) {
    return new ShoalError(
      'NETWORK',
      'environment',
      `Tracker ${failure.tracker} could not be asked. ${whyNot(failure.error)} Another tracker is named with --tracker.`,
      failure.error,
    );
  }
  return new ShoalError(
    'NOT_FOUND',
    'remote',
    `Nobody shares "${shown}" at the moment. Check the name, and that a peer shares it at the same tracker.`,
  );
}

/** A peer understands no question to a tracker, and the commands that it lists instead help nobody. */
function whyNot(error: ShoalError): string {
  return error.code === 'UNKNOWN_COMMAND' ? 'What answers there is no tracker; is that the address of a peer?' : error.message;
}
