/**
 * Help for slow peers: which chunk that one peer was asked for an idle one should be asked for too. Pure.
 *
 * So the end of a fetch does not wait for its slowest peer: whoever has nothing left to do takes over what another would bring last.
 */
import type { Plan } from './plan.js';
import type { Supplier } from './supplier.js';

/** A chunk is asked for a second time if the helper is expected to bring it in this fraction of the time. */
const HELP_FRACTION = 0.5;

/** A unit for `helper`, claimed in the plan; `undefined` where it is busy itself, or would bring nothing sooner. */
export function claimHelp(
  helper: Supplier,
  suppliers: readonly Supplier[],
  plan: Plan,
  chunkBytes: number,
  nowMs: number,
): number | undefined {
  const { peer } = helper;
  if (helper.asked.size > 0 || peer === undefined) return undefined;
  const ownMs = helper.lane.score.expectedMs(chunkBytes, 1);
  for (const { lane, asked } of suppliers) {
    if (lane === helper.lane || asked.size === 0) continue;
    const head = lane.connection?.head;
    const isSlow = head !== undefined && lane.score.judge(head, chunkBytes, nowMs) !== 'ok';
    const units = [...asked.keys()];
    // From the last, which it would bring last.
    for (let at = units.length - 1; at >= 0; at -= 1) {
      const unit = units[at] ?? 0;
      const isFaster = ownMs < HELP_FRACTION * lane.score.expectedMs(chunkBytes, at + 1);
      if (!(isSlow || isFaster) || !plan.mayDuplicate(unit, peer, nowMs)) continue;
      plan.duplicate(unit, peer);
      return unit;
    }
  }
  return undefined;
}
