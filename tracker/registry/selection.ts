/**
 * Which of a content's holders go into a reply. Pure.
 *
 * Complete peers come before partial ones, then lower load, then chance. Where there are more than fit, each host gives its best peer
 * before any gives its second, and what one host has beyond HOST_FIRST_COUNT comes after everybody else's, even its complete peers
 * after other hosts' partial ones: a flood from one address hides nobody. The load is the one that the peer told, and what being named
 * first has brought it since: many who ask at once are spread over equal holders evenly.
 */
import type { Random } from '../../common/ports/random.js';
import type { HeldContent, Holding } from './holding.js';
import type { Peer } from './peer.js';

const HOST_FIRST_COUNT = 8;

/** More than any load. */
const PARTIAL_RANK = 2 ** 40;

/** A holding that may go into a reply. */
export class Candidate implements Holding {
  readonly content: HeldContent;
  readonly peer: Peer;
  readonly haveChunks: number;
  readonly isComplete: boolean;
  /** Lower is better. */
  readonly rank: number;

  constructor(content: HeldContent, peer: Peer, haveChunks: number, isComplete: boolean) {
    this.content = content;
    this.peer = peer;
    this.haveChunks = haveChunks;
    this.isComplete = isComplete;
    this.rank = peer.expectedLoad + (isComplete ? 0 : PARTIAL_RANK);
  }
}

/** The best `maxCount` of `candidates`, best first. Reorders the array that it is given. */
export function selectHoldings(candidates: Candidate[], maxCount: number, random: Random): Candidate[] {
  shuffle(candidates, random);
  sortByRank(candidates);
  if (candidates.length <= maxCount) return candidates;
  const perHost = new Map<string, number>();
  const ordered = candidates.map((candidate) => {
    const { host } = candidate.peer;
    const nth = perHost.get(host) ?? 0;
    perHost.set(host, nth + 1);
    return { candidate, isLate: nth >= HOST_FIRST_COUNT, nth };
  });
  ordered.sort(
    (a, b) =>
      Number(a.isLate) - Number(b.isLate) ||
      Number(b.candidate.isComplete) - Number(a.candidate.isComplete) ||
      a.nth - b.nth ||
      a.candidate.rank - b.candidate.rank,
  );
  const chosen = ordered.slice(0, maxCount).map(({ candidate }) => candidate);
  sortByRank(chosen);
  return chosen;
}

/**
 * Rows in turn from each content's list, then all of them best first. With `isOneRowEach`, a peer that has the same size under several
 * names has one row.
 */
export function shareRows(ranked: Candidate[][], maxCount: number, isOneRowEach: boolean): Candidate[] {
  if (ranked.length === 1) return (ranked[0] ?? []).slice(0, maxCount);
  const rows: Candidate[] = [];
  const seen = new Set<string>();
  const longest = Math.max(...ranked.map((candidates) => candidates.length));
  for (let nth = 0; nth < longest; nth += 1) {
    for (const candidates of ranked) {
      const candidate = candidates[nth];
      if (candidate === undefined || rows.length >= maxCount) continue;
      const key = `${candidate.peer.slot} ${candidate.content.sizeBytes}`;
      if (isOneRowEach && seen.has(key)) continue;
      seen.add(key);
      rows.push(candidate);
    }
  }
  sortByRank(rows);
  return rows;
}

/** Best first; equal ones keep their order. */
function sortByRank(candidates: Candidate[]): void {
  if (candidates.length > 1) candidates.sort((a, b) => a.rank - b.rank);
}

function shuffle(candidates: Candidate[], random: Random): void {
  for (let at = candidates.length - 1; at > 0; at -= 1) {
    const other = random.below(at + 1);
    [candidates[at], candidates[other]] = [candidates[other] as Candidate, candidates[at] as Candidate];
  }
}
