/** What a peer takes of what others push to it. Without a policy it takes nothing. */
import { ShoalError } from '../../common/core/errors.js';
import type { PushOffer } from '../../common/wire/peer-lines.js';
import type { AllowList } from './allow-list.js';

export interface PushPolicy {
  /** Where it is put; full path. Made where it does not exist. */
  readonly folder: string;
  /** Bytes that `folder` may hold, with what is under way. */
  readonly quotaBytes: number;
  readonly allow: AllowList;
  /** Contents that are fetched at once; at least 1. */
  readonly parallelCount: number;
}

/** Contents that are fetched at once unless told otherwise: one whose sender is slow does not hold up the next. */
export const PUSHES_AT_ONCE_DEFAULT_COUNT = 2;

/** Throws `DENIED` where the policy does not take the offer, whatever room there is. */
export function checkOffer({ allow }: PushPolicy, { name, group }: PushOffer, ip: string): void {
  if (!allow.isAllowed(ip, group)) throw denied('This peer takes no pushes from you; its user allows them with --accept-from.');
  // Programs read hidden files as settings, keys among them, and our own unfinished work has hidden names as well.
  if (name.split('/').some((part) => part.startsWith('.')))
    throw denied('This peer takes nothing under a hidden name; push it under one without a dot in front.');
}

function denied(text: string): ShoalError {
  return new ShoalError('DENIED', 'local', text);
}
