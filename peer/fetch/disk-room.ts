/**
 * A disk that is full pauses a fetch and does not end it. While it waits it asks nobody for anything; what is verified is kept, and served
 * on. It looks for room every few seconds, by doing what there was no room for, so a quota or a disk that tells wrong numbers is as
 * good as any. There is no end to it but that there is room, or that whoever runs the fetch stops it.
 */
import { abortable } from '../../common/core/abortable.js';
import { asShoalError } from '../../common/core/errors.js';
import type { FetchSession } from './fetch-session.js';

/** Milliseconds between two looks for room. */
const LOOK_MS = 5000;

export interface RoomWait {
  /** What the fetch came to: anything but `DISK_FULL` is thrown again. */
  readonly error: unknown;
  /** Which disk it is about. */
  readonly folder: string;
  /** Throws `DISK_FULL` as long as there is no room. */
  readonly tryOut: () => Promise<void>;
}

/** Resolves when there is room. Throws `error` where it is of another kind, what else `tryOut` throws, and the reason of the session's signal. */
export async function untilRoom(session: FetchSession, { error, folder, tryOut }: RoomWait): Promise<void> {
  if (!isDiskFull(error)) throw error;
  const { options, ports, times } = session;
  const { clock } = ports;
  const sinceMs = clock.nowMs();
  options.onEvent({ event: 'disk-full', folder });
  times.syncing(sinceMs);
  try {
    do await pause(session);
    while (!(await isTaken(tryOut)));
  } finally {
    times.synced(sinceMs, clock.nowMs());
  }
  options.onEvent({ event: 'disk-room', folder });
}

async function pause({ options, ports }: FetchSession): Promise<void> {
  let cancel = () => {};
  const passed = new Promise<void>((resolve) => {
    const timer = ports.clock.setTimer('look for room', LOOK_MS, resolve);
    cancel = () => timer.cancel();
  });
  await abortable(passed, options.signal).finally(cancel);
}

async function isTaken(tryOut: () => Promise<void>): Promise<boolean> {
  try {
    await tryOut();
    return true;
  } catch (error) {
    if (isDiskFull(error)) return false;
    throw error;
  }
}

function isDiskFull(error: unknown): boolean {
  return asShoalError(error).code === 'DISK_FULL';
}
