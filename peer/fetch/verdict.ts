/**
 * From the times of a fetch to the stage that limited it, and one plain sentence. Pure.
 *
 * The stage that most of the time was spent on is the one; `landing` is the processor or the disk, whichever the workers spent more
 * on, and what ends in making data last is the disk as well. A processor that has nothing left to give comes before both, and before
 * the peers: then all of them only wait for it.
 */
import type { LoadReading } from '../../common/ports/load.js';
import type { PeerTimes, StageReport } from './stage-times.js';

/** Below this nothing can be told: one look at the cores takes 10 ms. */
const SHORT_MS = 100;
/** The part of the waiting for peers from which on it was one of them. Two that are alike have half each. */
const ONE_PEER_SHARE = 0.6;
/** From this part of the time on, all cores, or the main thread, count as busy. */
const BUSY_CORES_SHARE = 0.95;
const BUSY_LOOP_SHARE = 0.9;
/** The least part of the cores that a fetch uses for which more of them would be of use. */
const OWN_CORES_SHARE = 0.2;
/** A part this large of a peer's time says that it is slow to begin its replies, or slow to send them. */
const MOSTLY_SHARE = 0.7;

/** What a fetch can be limited by; `short` where it was too short to tell. */
export type Limiter =
  | 'short'
  | 'lookup'
  | 'manifest'
  | 'check'
  | 'no-peer'
  | 'peer'
  | 'peers'
  | 'rate-limit'
  | 'processor'
  | 'disk';

export interface Verdict {
  readonly limiter: Limiter;
  /** Which peer, where it is one. */
  readonly peer: string | null;
  /** From 0 to 1: the part of the time that says so. */
  readonly share: number;
  /** "limited by …", without a full stop. */
  readonly text: string;
}

/** Why a fetch took as long as it did: the verdict, and the numbers that it comes from. */
export interface Why extends Verdict, StageReport {
  /** `null` where nobody watched. */
  readonly load: LoadReading | null;
}

export function explain(report: StageReport, load: LoadReading | undefined): Why {
  return { ...verdictOf(report, load), ...report, load: load ?? null };
}

function verdictOf(report: StageReport, load: LoadReading | undefined): Verdict {
  const { totalMs, spentMs, work } = report;
  if (totalMs < SHORT_MS) return { limiter: 'short', peer: null, share: 0, text: 'too short to tell what limited it' };
  const isDiskSlower = work.openMs + work.writeMs >= work.hashMs;
  const spentOnMs: Partial<Record<Limiter, number>> = {
    'rate-limit': spentMs.limit,
    disk: spentMs.sync + (isDiskSlower ? spentMs.landing : 0),
    processor: isDiskSlower ? 0 : spentMs.landing,
    peers: spentMs.peers,
    'no-peer': spentMs['no-peer'],
    lookup: spentMs.lookup,
    manifest: spentMs.connect,
    check: spentMs.check,
  };
  let most: Limiter = 'peers';
  for (const limiter of Object.keys(spentOnMs) as Limiter[])
    if ((spentOnMs[limiter] ?? 0) > (spentOnMs[most] ?? 0)) most = limiter;
  const share = (spentOnMs[most] ?? 0) / totalMs;
  // A sync waits for the disk, however busy the processor is meanwhile.
  const isSync = most === 'disk' && spentMs.sync > spentMs.landing;
  const isWork = most === 'processor' || most === 'peers' || (most === 'disk' && !isSync);
  const busy = isWork ? busyVerdict(totalMs, load) : undefined;
  if (busy !== undefined) return busy;
  if (most === 'peers') return peersVerdict(report, share);
  return { limiter: most, peer: null, share, text: textOf(most, percent(share), isSync) };
}

function textOf(limiter: Limiter, part: string, isSync: boolean): string {
  switch (limiter) {
    case 'rate-limit':
      return `limited by your rate limit (--limit-down): ${part} of the time it held the peers back`;
    case 'disk':
      return isSync
        ? `limited by the disk written to: ${part} of the time it was making last what was written`
        : `limited by the disk written to: ${part} of the time chunks waited for it`;
    case 'processor':
      return `limited by the processor: ${part} of the time chunks waited to be checked`;
    case 'no-peer':
      return `limited by a lack of peers: ${part} of the time nobody was connected who had what was missing and time for it`;
    case 'lookup':
      return `limited by the trackers: the lookup took ${part} of the time`;
    case 'manifest':
      return `limited by the manifest: to get it from a peer took ${part} of the time`;
    case 'check':
      return `limited by the check of what was here before: it took ${part} of the time`;
    default:
      return `limited by the peers or the network to them: ${part} of the time everything else waited for them`;
  }
}

/** Where there was nothing left of a core that everything needs. */
function busyVerdict(totalMs: number, load: LoadReading | undefined): Verdict | undefined {
  if (load === undefined) return undefined;
  const coresShare = load.coresBusyMs / (totalMs * load.coreCount);
  const loopShare = load.loopBusyMs / totalMs;
  const processor = { limiter: 'processor', peer: null } as const;
  // A machine that is busy with other things is not what a fetch waits for that would use little of it.
  const ownShare = load.ownBusyMs / (totalMs * load.coreCount);
  if (coresShare >= BUSY_CORES_SHARE && ownShare >= OWN_CORES_SHARE) {
    const text = `limited by the processor: all cores of this machine (${load.coreCount}) were busy ${percent(coresShare)} of the time`;
    return { ...processor, share: Math.min(1, coresShare), text };
  }
  if (loopShare < BUSY_LOOP_SHARE) return undefined;
  const text = `limited by the processor: the thread that reads from the network was busy ${percent(loopShare)} of the time`;
  return { ...processor, share: Math.min(1, loopShare), text };
}

function peersVerdict({ totalMs, spentMs, peers }: StageReport, share: number): Verdict {
  const [first, ...others] = peers;
  if (first === undefined) return { limiter: 'peers', peer: null, share, text: textOf('peers', percent(share), false) };
  const slowest = others.reduce((most, one) => (one.heldMs > most.heldMs ? one : most), first);
  if (slowest.heldMs < ONE_PEER_SHARE * spentMs.peers)
    return { limiter: 'peers', peer: null, share, text: textOf('peers', percent(share), false) };
  const part = slowest.heldMs / totalMs;
  const text = `limited by peer ${slowest.address} or the way to it: ${percent(part)} of the time everything waited for it${habitOf(slowest)}`;
  return { limiter: 'peer', peer: slowest.address, share: part, text };
}

/** What its replies tell of a peer: slow to begin them, or slow to send them. Nothing where it is a bit of both. */
function habitOf({ waitMs, receiveMs, freshCount, roundTripMs }: PeerTimes): string {
  // The way there and back is no hesitation.
  const hesitationMs = Math.max(0, waitMs - freshCount * (roundTripMs ?? 0));
  const spentMs = hesitationMs + receiveMs;
  if (spentMs === 0) return '';
  if (hesitationMs >= MOSTLY_SHARE * spentMs) return ', which was slow to begin its replies (its disk, or others that it serves)';
  return receiveMs >= MOSTLY_SHARE * spentMs ? ', whose bytes came slowly (its uplink or the network)' : '';
}

function percent(share: number): string {
  return `${Math.round(100 * Math.min(1, share))} %`;
}
