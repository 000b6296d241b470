/**
 * Who copies what to whom, so that a group keeps a number of copies of each content without anybody in charge. Pure.
 *
 * Every holder sees about the same and comes to the same order of holders by hashing (rendezvous hashing: each address has a number for each
 * content, the highest comes first). The first of them acts; each one after it only when a grace more has passed and there are still too
 * few. So nobody has to be told that the first one is gone, and two seldom act at once. Nothing is ever taken away.
 */
import { hashFunction } from '../../common/node/hash.js';

/** From this load on, in percent, a holder wants no more; where all do, there is one copy more. */
export const HIGH_LOAD_PERCENT = 80;

export interface Member {
  /** As text. */
  readonly address: string;
  readonly load?: number | undefined;
  /** Bytes that it still takes in pushes; absent for none. */
  readonly acceptBytes?: number | undefined;
}

export interface ReplicationView {
  readonly root: string;
  readonly totalBytes: number;
  /** The peer that asks what it is to do; it has the content. */
  readonly self: string;
  /** Those of the group, it too. */
  readonly members: readonly Member[];
  /** Who has all of it, and who is about to; in the group or not. */
  readonly holders: ReadonlySet<string>;
  readonly coming: ReadonlySet<string>;
  /** Who did not take it lately. */
  readonly refusing: ReadonlySet<string>;
  readonly copyCount: number;
  /** For how long there have been too few copies. */
  readonly lackingMs: number;
  readonly graceMs: number;
}

/** Of what is wanted, what is missing and whom this peer is to push to now. */
export interface ReplicationPlan {
  readonly missingCount: number;
  /** Best first; empty where it is for another holder to act, or nobody can take it. */
  readonly receivers: readonly string[];
}

export function planCopies(view: ReplicationView): ReplicationPlan {
  const { self, members, root, totalBytes, refusing } = view;
  const holders = members.filter(({ address }) => address === self || view.holders.has(address));
  const isComing = ({ address }: Member) => view.coming.has(address) && !view.holders.has(address) && address !== self;
  const comingCount = members.filter(isComing).length;
  const copyCount = holders.length + comingCount;
  const missingCount = Math.max(0, wantedCount(view.copyCount, holders, copyCount) - copyCount);
  const rank = byRendezvous(root, holders).findIndex(({ address }) => address === self);
  // One that is not in the group holds nothing that counts.
  if (missingCount === 0 || rank < 0 || rank * view.graceMs > view.lackingMs) return { missingCount, receivers: [] };
  const held = new Set(holders.map(({ address }) => address));
  const free = members.filter((member) => {
    const hasRoom = (member.acceptBytes ?? 0) > 0 && (member.acceptBytes ?? 0) >= totalBytes;
    return hasRoom && !held.has(member.address) && !isComing(member) && !refusing.has(member.address);
  });
  const best = byRendezvous(root, free).sort((left, right) => loadOf(left) - loadOf(right));
  return { missingCount, receivers: best.slice(0, missingCount).map(({ address }) => address) };
}

/** How many copies there shall be: one more than there are where all holders are busy, at most twice the number asked for. */
function wantedCount(copyCount: number, holders: readonly Member[], thereCount: number): number {
  const areAllBusy = holders.length > 0 && holders.every(({ load = 0 }) => load >= HIGH_LOAD_PERCENT);
  // What is coming will take its part of the load: first it shall be there.
  const isSettled = thereCount === holders.length;
  return areAllBusy && isSettled && thereCount >= copyCount ? Math.min(2 * copyCount, thereCount + 1) : copyCount;
}

/** Who does not tell its load counts as half loaded. */
function loadOf({ load = 50 }: Member): number {
  return load;
}

const hash = hashFunction('blake3');

/** The members in the order in which they come for a content: the same for whoever asks. */
export function byRendezvous(root: string, members: readonly Member[]): Member[] {
  const numberOf = ({ address }: Member) => Buffer.from(hash(Buffer.from(`${root} ${address}`))).toString('hex');
  const numbered = members.map((member) => ({ member, number: numberOf(member) }));
  return numbered.sort((left, right) => (left.number < right.number ? 1 : -1)).map(({ member }) => member);
}
