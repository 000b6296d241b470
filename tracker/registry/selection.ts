/**
 * Which of a content's holders go into a reply. Pure.
 *
 * Complete peers come before partial ones, then lower load, then chance. Where there are more than fit, each host gives its best peer
 * before any gives its second, and what one host has beyond HOST_FIRST_COUNT comes after everybody else's, even its complete peers
 * after other hosts' partial ones: a flood from one address hides nobody.
 */
import type { Random } from '../../common/ports/random.js';
import type { Holding } from './holding.js';

/** Load of a peer that does not tell: after those that say they are idle, before those that say they are busy. */
const LOAD_UNKNOWN = 50;

const HOST_FIRST_COUNT = 8;

/** The best `maxCount` of `holdings`, best first. Reorders the array that it is given. */
export function selectHoldings(holdings: Holding[], maxCount: number, random: Random): Holding[] {
  shuffle(holdings, random);
  sortByRank(holdings);
  if (holdings.length <= maxCount) return holdings;
  const perHost = new Map<string, number>();
  const ordered = holdings.map((holding) => {
    const { host } = holding.peer;
    const nth = perHost.get(host) ?? 0;
    perHost.set(host, nth + 1);
    return { holding, isLate: nth >= HOST_FIRST_COUNT, nth };
  });
  ordered.sort(
    (a, b) =>
      Number(a.isLate) - Number(b.isLate) ||
      Number(b.holding.isComplete) - Number(a.holding.isComplete) ||
      a.nth - b.nth ||
      rank(a.holding) - rank(b.holding),
  );
  const chosen = ordered.slice(0, maxCount).map(({ holding }) => holding);
  sortByRank(chosen);
  return chosen;
}

/**
 * Rows in turn from each content's list, then all of them best first. With `isOneRowEach`, a peer that has the same size under several
 * names has one row.
 */
export function shareRows(ranked: Holding[][], maxCount: number, isOneRowEach: boolean): Holding[] {
  if (ranked.length === 1) return (ranked[0] ?? []).slice(0, maxCount);
  const rows: Holding[] = [];
  const seen = new Set<string>();
  const longest = Math.max(...ranked.map((holdings) => holdings.length));
  for (let nth = 0; nth < longest; nth += 1) {
    for (const holdings of ranked) {
      const holding = holdings[nth];
      if (holding === undefined || rows.length >= maxCount) continue;
      const key = `${holding.peer.key} ${holding.content.sizeBytes}`;
      if (isOneRowEach && seen.has(key)) continue;
      seen.add(key);
      rows.push(holding);
    }
  }
  sortByRank(rows);
  return rows;
}

/** Best first; equal ones keep their order. */
function sortByRank(holdings: Holding[]): void {
  if (holdings.length > 1) holdings.sort((a, b) => rank(a) - rank(b));
}

function rank(holding: Holding): number {
  const { load } = holding.peer;
  return (holding.isComplete ? 0 : 1000) + (load < 0 ? LOAD_UNKNOWN : load);
}

function shuffle(holdings: Holding[], random: Random): void {
  for (let at = holdings.length - 1; at > 0; at -= 1) {
    const other = random.below(at + 1);
    [holdings[at], holdings[other]] = [holdings[other] as Holding, holdings[at] as Holding];
  }
}
