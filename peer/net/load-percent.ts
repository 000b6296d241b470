/** How busy a sharing peer is, as one number that trackers compare. Pure. */
import type { UploadLoad } from './upload-queue.js';

/** The part of the number that what is being sent makes up; requests that wait make up the rest. */
const SENDING_SHARE = 0.6;

/**
 * 0 where it sends nothing, 60 where all it may send at once is being sent, or its rate limit is reached, and nobody waits; 100 where as many
 * wait as are being served. `limitBytes` is the rate limit in bytes a second; `undefined` where there is none.
 */
export function loadPercent(load: UploadLoad, limitBytes: number | undefined): number {
  const { slotCount, usedSlotCount, waitingCount, rateBytes } = load;
  const rateShare = limitBytes === undefined ? 0 : rateBytes / limitBytes;
  const sending = Math.min(1, Math.max(usedSlotCount / slotCount, rateShare));
  const waiting = Math.min(1, waitingCount / slotCount);
  return Math.round(100 * (SENDING_SHARE * sending + (1 - SENDING_SHARE) * waiting));
}
