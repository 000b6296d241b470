/**
 * One offer to many receivers at once, and what became of each. They fetch from each other as well, so the sender's link is not
 * divided by their number.
 */
import { asShoalError, type ShoalError } from '../../common/core/errors.js';
import { PUSHES_TO_AT_ONCE_MAX_COUNT } from '../../common/core/limits.js';
import { formatPeerAddress, type PeerAddress } from '../../common/core/peer-address.js';
import type { PushState } from '../../common/wire/peer-documents.js';
import type { PeerConnectionPorts } from '../net/peer-connection.js';
import { type PushToPeer, pushToPeer } from './push-to-peer.js';
import type { Receivers } from './receivers.js';

/** How it ended with one receiver; `error` where it does not have it. */
export interface ReceiverEnd {
  readonly address: PeerAddress;
  readonly error: ShoalError | undefined;
  /** Another one was asked in its place. */
  readonly isReplaced: boolean;
}

export interface PushAllEvents {
  state(address: PeerAddress, state: PushState): void;
  ended(end: ReceiverEnd): void;
}

export type PushAll = Pick<PushToPeer, 'offer' | 'timeoutMs' | 'signal'> & {
  readonly receivers: Receivers;
  readonly events: PushAllEvents;
};

/** Resolves with an end for each receiver, in the order in which they ended. Throws the signal's reason. */
export async function pushToAll(ports: PeerConnectionPorts, push: PushAll): Promise<ReceiverEnd[]> {
  const { receivers, events, signal, offer, timeoutMs } = push;
  const spare = [...receivers.spare];
  const waiting = [...receivers.chosen];
  const ends: ReceiverEnd[] = [];
  const finish = (address: PeerAddress, error: ShoalError | undefined) => {
    const isReplaceable = error !== undefined && receivers.replaceable.has(formatPeerAddress(address));
    const next = isReplaceable ? spare.shift() : undefined;
    if (next !== undefined) waiting.push(next);
    const end = { address, error, isReplaced: next !== undefined };
    ends.push(end);
    events.ended(end);
  };
  const pushSome = async () => {
    for (let address = waiting.shift(); address !== undefined; address = waiting.shift()) {
      const at = address;
      const one = { address, offer, timeoutMs, signal, onState: (state: PushState) => events.state(at, state) };
      const error = await pushToPeer(ports, one).then(
        () => undefined,
        (thrown: unknown) => asShoalError(thrown),
      );
      signal.throwIfAborted();
      finish(address, error);
    }
  };
  const laneCount = Math.min(PUSHES_TO_AT_ONCE_MAX_COUNT, waiting.length);
  await Promise.all(Array.from({ length: laneCount }, pushSome));
  return ends;
}

/** Exit codes from the one that asks most of a person to the one that may be gone at the next try. */
const EXIT_CODE_ORDER = [24, 13, 9, 32, 1];

/** The failure that stands for several; `undefined` where all who count have it. */
export function worstFailure(ends: readonly ReceiverEnd[]): ShoalError | undefined {
  const errors = ends.filter(({ isReplaced }) => !isReplaced).flatMap(({ error }) => (error === undefined ? [] : [error]));
  const rank = ({ exitCode }: ShoalError) => {
    const at = EXIT_CODE_ORDER.indexOf(exitCode);
    return at < 0 ? EXIT_CODE_ORDER.length : at;
  };
  return errors.sort((left, right) => rank(left) - rank(right))[0];
}

/** For messages: who failed. */
export function failedNames(ends: readonly ReceiverEnd[]): string[] {
  return ends
    .filter(({ error, isReplaced }) => error !== undefined && !isReplaced)
    .map(({ address }) => formatPeerAddress(address));
}
