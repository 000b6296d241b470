/**
 * Help for slow peers: which chunk that one peer was asked for an idle one should bring in its place. Pure.
 *
 * So the end of a fetch does not wait for its slowest peer: whoever has nothing left to do takes over what another would bring last.
 * Who knows CANCEL is asked to give back what it has not begun with, so that nothing is sent twice. What it has begun with, and what
 * strangers were asked for, is asked for a second time, where that brings it much sooner.
 */
import type { ReplyHead } from '../net/peer-connection.js';
import type { Catalog } from './catalog.js';
import type { Plan } from './plan.js';
import type { PlanPeer } from './plan-peer.js';
import type { Supplier } from './supplier.js';

/** A chunk is taken over if the helper is expected to bring it in this fraction of the time. */
const HELP_FRACTION = 0.5;
/** What is begun is asked for again only where it goes on longer than this: usually it would be there before the second one. */
const BEGUN_LEFT_MS = 5000;
/** What is begun and has come no further for so long may never: one that stops before the last byte would be waited for until its deadline. */
const QUIET_MS = 1000;

export interface HelpPorts {
  readonly suppliers: readonly Supplier[];
  readonly plan: Plan;
  readonly catalog: Pick<Catalog, 'locate'>;
  readonly chunkBytes: number;
}

/** Who helps, and how long that would take. */
interface Helper {
  readonly peer: PlanPeer;
  readonly ownMs: number;
  /** It has nothing else to do: then it is worth a try even where the other one may bring it yet. */
  readonly isIdle: boolean;
}

/** A unit that a peer was asked for and has not begun with, and how long it may still take. */
interface LateUnit {
  readonly supplier: Supplier;
  readonly unit: number;
  readonly leftMs: number;
}

/**
 * A unit for `supplier`, claimed in the plan; where it is busy itself, only what another is mute about. `undefined` where there is none
 * as yet: one that another peer is asked to give back can be asked for as any other once that has answered.
 */
export function claimHelp(supplier: Supplier, ports: HelpPorts, nowMs: number): number | undefined {
  const { peer, lane, asked } = supplier;
  if (peer === undefined) return undefined;
  const helper = { peer, ownMs: lane.score.expectedMs(ports.chunkBytes, 1), isIdle: asked.size === 0 };
  let latest: LateUnit | undefined;
  for (const other of ports.suppliers) {
    if (other.asked.size === 0 || other === supplier) continue;
    const unit = unitToDuplicate(helper, other, ports, nowMs);
    if (unit !== undefined) {
      ports.plan.duplicate(unit, peer);
      return unit;
    }
    if (!helper.isIdle) continue;
    const late = unitToTakeBack(helper, other, latest, ports, nowMs);
    if (late?.supplier === other && other.lane.score.bytesPerSecond === undefined) takeBackAll(helper, other, ports, nowMs);
    else latest = late;
  }
  latest?.supplier.takeBack(latest.unit, ports.catalog, nowMs);
  return undefined;
}

/** All that a peer has not begun with which never brought anything: whether it ever will, nobody knows. */
function takeBackAll({ peer }: Helper, supplier: Supplier, { plan, catalog }: HelpPorts, nowMs: number): void {
  const isBegun = supplier.lane.connection?.head?.gotBytes !== 0;
  for (const [at, unit] of [...supplier.asked.keys()].entries())
    if ((at > 0 || !isBegun) && plan.mayDuplicate(unit, peer, nowMs)) supplier.takeBack(unit, catalog, nowMs);
}

/** Of what strangers were asked for, the last that is worth it; of what others were, what they are stuck with or mute about. */
function unitToDuplicate(helper: Helper, supplier: Supplier, ports: HelpPorts, nowMs: number): number | undefined {
  const { plan, chunkBytes } = ports;
  const { score, connection } = supplier.lane;
  const head = connection?.head;
  const isSlow = head !== undefined && score.judge(head, chunkBytes, nowMs) !== 'ok';
  if (supplier.greeting === 'telling') {
    if (head === undefined) return undefined;
    const leftMs = leftOf(head, chunkBytes, nowMs);
    const isFaster = leftMs > BEGUN_LEFT_MS && helper.ownMs < HELP_FRACTION * leftMs;
    const isQuiet = score.quietMs(head.sinceMs, nowMs) > QUIET_MS;
    const isStuck = head.gotBytes > 0 && (isFaster || isSlow || isQuiet);
    let isFirst = true;
    for (const unit of supplier.asked.keys()) {
      // Whoever is honest gives back at once what it has not begun with; what waits behind one that is stuck is as stuck.
      const isMute = supplier.isMute(unit, nowMs) && (head.gotBytes === 0 || isStuck);
      if ((isMute || (isFirst && isStuck && (isQuiet || helper.isIdle))) && plan.mayDuplicate(unit, helper.peer, nowMs))
        return unit;
      isFirst = false;
    }
    return undefined;
  }
  if (!helper.isIdle) return undefined;
  const units = [...supplier.asked.keys()];
  for (let at = units.length - 1; at >= 0; at -= 1) {
    const unit = units[at] ?? 0;
    const isFaster = helper.ownMs < HELP_FRACTION * score.expectedMs(chunkBytes, at + 1);
    if ((isSlow || isFaster) && plan.mayDuplicate(unit, helper.peer, nowMs)) return unit;
  }
  return undefined;
}

/** How long the rest of a reply takes that goes on as it did; 0 where it has not begun. */
function leftOf(head: ReplyHead | undefined, chunkBytes: number, nowMs: number): number {
  if (head?.beganMs === undefined) return 0;
  return ((nowMs - head.beganMs) * Math.max(0, chunkBytes - head.gotBytes)) / head.gotBytes;
}

/** The unit of `supplier` that is worth it and may take longest; `latest` where none may take longer than that. */
function unitToTakeBack(
  { peer, ownMs }: Helper,
  supplier: Supplier,
  latest: LateUnit | undefined,
  { plan, chunkBytes }: HelpPorts,
  nowMs: number,
): LateUnit | undefined {
  const { lane, asked } = supplier;
  const isBegun = lane.connection?.head?.gotBytes !== 0;
  let found = latest;
  let place = 0;
  for (const [unit, askedMs] of asked) {
    place += 1;
    if (place === 1 && isBegun) continue;
    const ageMs = nowMs - askedMs;
    // Of who is late already, as much again is to be expected.
    const leftMs = Math.max(ageMs, lane.score.expectedMs(chunkBytes, place) - ageMs);
    if (leftMs <= (found?.leftMs ?? ownMs / HELP_FRACTION)) continue;
    if (supplier.mayTakeBack(unit) && plan.mayDuplicate(unit, peer, nowMs)) found = { supplier, unit, leftMs };
  }
  return found;
}
