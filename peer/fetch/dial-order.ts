/**
 * Whom to dial first. Pure.
 *
 * Who was never tried comes first, then who rested longest: addresses that lead nowhere keep nobody from being reached. Those who name
 * addresses have their turns; what one of them named is shared by where peers are, so that one machine with hundreds of ports has as many
 * places as are left over, and not more before every other one has its first. Where all are at one place, that changes nothing.
 */
import { sourceOf } from '../../common/core/peer-address.js';
import type { Lane } from './swarm.js';

type Dialable = Pick<Lane, 'address' | 'namedBy' | 'turn'> & { readonly score: Pick<Lane['score'], 'restUntilMs'> };

/** `ready` in the order in which they should be dialed, where `busy` are connected or being dialed already. */
export function dialOrder<T extends Dialable>(ready: readonly T[], busy: readonly Pick<Lane, 'address'>[]): T[] {
  const turns = turnsOf(
    ready.filter((lane) => sinceMs(lane) === 0),
    busy,
  );
  const turnOf = (lane: T) => turns.get(lane) ?? lane.turn;
  return [...ready].sort((left, right) => sinceMs(left) - sinceMs(right) || turnOf(left) - turnOf(right));
}

/** 0 where it was never tried. */
function sinceMs({ score }: Dialable): number {
  return Math.max(0, score.restUntilMs);
}

/** The turns of all who were named by the same one, dealt among them anew: first to those from where the fewest others are. */
function turnsOf<T extends Dialable>(lanes: readonly T[], busy: readonly Pick<Lane, 'address'>[]): Map<T, number> {
  const counts = new Map<string, number>();
  const take = (source: string) => {
    const count = counts.get(source) ?? 0;
    counts.set(source, count + 1);
    return count;
  };
  for (const { address } of busy) take(sourceOf(address.ip));
  const inTurn = [...lanes].sort((left, right) => left.turn - right.turn);
  const ranks = new Map(inTurn.map((lane) => [lane, take(sourceOf(lane.address.ip))]));
  const turns = new Map<T, number>();
  for (const group of new Set(lanes.map(({ namedBy }) => namedBy))) {
    const named = inTurn.filter(({ namedBy }) => namedBy === group);
    const ranked = [...named].sort((left, right) => (ranks.get(left) ?? 0) - (ranks.get(right) ?? 0));
    for (const [at, lane] of ranked.entries()) turns.set(lane, named[at]?.turn ?? lane.turn);
  }
  return turns;
}
