/**
 * One offer to one receiver, from the first word until the receiver has it or will not have it.
 *
 *     connect ──► PUSH ──► its state ──► pause ──► PUSH (the same is no new one) ──► … ──► done or failed
 *        ▲                    │
 *        └──── lost, busy ────┘  for `timeoutMs` since it last took the offer, then it has failed
 */
import { chunkCount } from '../../common/core/chunks.js';
import { asShoalError, ShoalError } from '../../common/core/errors.js';
import { formatPeerAddress, type PeerAddress } from '../../common/core/peer-address.js';
import type { PushState } from '../../common/wire/peer-documents.js';
import type { PushOffer } from '../../common/wire/peer-lines.js';
import { PeerConnection, type PeerConnectionPorts } from '../net/peer-connection.js';

/** Milliseconds for a connection, and for each answer. */
const ANSWER_MS = 10_000;
/** Milliseconds from one question to the next: short at first, since what is small is soon there. */
const ASK_FIRST_MS = 100;
const ASK_LATER_MS = 1000;
const ASK_GROWTH_FACTOR = 1.5;
/**
 * How long a receiver may get no further, and how long it may let an offer wait for its turn behind others, which may be large ones: what
 * it says is its word alone, and nobody should wait for that for ever.
 */
const STALL_MS = 600_000;
const WAITING_MAX_MS = 3_600_000;
/** What may be better a moment later. */
const PASSING_CODES: readonly string[] = ['NETWORK', 'PROTOCOL', 'BUSY', 'STOPPED'];

export interface PushToPeer {
  readonly address: PeerAddress;
  readonly offer: PushOffer;
  /** How long a receiver that is gone or busy is tried again. */
  readonly timeoutMs: number;
  /**
   * How long a receiver that answers may get no further before it has failed; left out, ten minutes, and an hour while it says that the
   * offer waits for its turn.
   */
  readonly stallMs?: number;
  readonly onState: (state: PushState) => void;
  /** Its reason is a `ShoalError`; what the receiver has it keeps. */
  readonly signal: AbortSignal;
}

/** Resolves when the receiver has all of it. Throws why it has not, and the signal's reason. */
export async function pushToPeer(ports: PeerConnectionPorts, push: PushToPeer): Promise<void> {
  const { clock } = ports;
  const { offer, timeoutMs, onState, signal, address } = push;
  let connection: PeerConnection | undefined;
  let takenMs = clock.nowMs();
  let pauseMs = ASK_FIRST_MS;
  const furthest = { haveChunks: 0, hasBegun: false, atMs: takenMs };
  try {
    for (;;) {
      signal.throwIfAborted();
      try {
        connection ??= await PeerConnection.connect(ports, address, ANSWER_MS, signal);
        const state = await answered(ports, connection, offer, signal);
        takenMs = clock.nowMs();
        onState(state);
        if (state.state === 'done') return checkDone(push, state);
        if (state.state === 'failed') throw failure(address, state);
        const { haveChunks } = state;
        const hasBegun = furthest.hasBegun || state.state === 'fetching';
        // Only the first time: it may say that it begins as often as it likes.
        if (haveChunks > furthest.haveChunks || hasBegun !== furthest.hasBegun)
          Object.assign(furthest, { haveChunks: Math.max(haveChunks, furthest.haveChunks), hasBegun, atMs: takenMs });
        const stallMs = push.stallMs ?? (hasBegun ? STALL_MS : WAITING_MAX_MS);
        if (takenMs - furthest.atMs >= stallMs) throw stalled(address, stallMs, hasBegun);
      } catch (error) {
        const shoal = asShoalError(error);
        if (signal.aborted) throw signal.reason;
        const isOver = error instanceof ReceiverFailure || !PASSING_CODES.includes(shoal.code);
        if (isOver || clock.nowMs() - takenMs >= timeoutMs) throw named(address, shoal);
        if (connection?.failure !== undefined) connection = undefined;
      }
      await pause(ports, pauseMs, signal);
      pauseMs = Math.min(ASK_LATER_MS, pauseMs * ASK_GROWTH_FACTOR);
    }
  } finally {
    connection?.close(new ShoalError('STOPPED', 'local', 'The push is over.'));
  }
}

/** Whoever says that it is done has all of it: a file has at least the chunks of its size, a folder those of its index and more. Throws `PROTOCOL`. */
function checkDone({ address, offer }: PushToPeer, { haveChunks, chunkCount: count }: PushState): void {
  if (haveChunks === count && count >= chunkCount(offer.sizeBytes)) return;
  const told = `it is done with ${haveChunks} of ${count} chunks, and there are ${chunkCount(offer.sizeBytes)}`;
  throw new ReceiverFailure('PROTOCOL', 'remote', `${formatPeerAddress(address)} says that ${told}.`);
}

/** The receiver took the offer and did not get it: trying again is not for this run. */
class ReceiverFailure extends ShoalError {}

function failure(address: PeerAddress, { code, text }: PushState): ShoalError {
  const why = text ?? 'It does not say why.';
  return new ReceiverFailure(code ?? 'INTERNAL', 'remote', `${formatPeerAddress(address)} did not get it: ${why}`);
}

function stalled(address: PeerAddress, stallMs: number, hasBegun: boolean): ShoalError {
  const what = hasBegun ? 'took the offer and gets no further with it' : 'lets the offer wait';
  const long = `for ${Math.round(stallMs / 60_000)} minutes now`;
  const advice = 'Look there what keeps it (peer status), or push to another one; what it has it keeps.';
  return new ReceiverFailure('NETWORK', 'remote', `${formatPeerAddress(address)} ${what}, ${long}. ${advice}`);
}

/** An error that says whose it is. */
function named(address: PeerAddress, error: ShoalError): ShoalError {
  const at = formatPeerAddress(address);
  if (error.code === 'UNKNOWN_COMMAND')
    return new ShoalError('UNKNOWN_COMMAND', 'remote', `${at} knows no pushes; it may be older than this program.`, error);
  if (error.message.includes(at)) return error;
  return new ShoalError(error.code, error.fault, `${at}: ${error.message}`, error);
}

/** The state that the receiver tells. Ends the connection where it tells none in time. */
async function answered(
  { clock }: PeerConnectionPorts,
  connection: PeerConnection,
  offer: PushOffer,
  signal: AbortSignal,
): Promise<PushState> {
  const end = () => connection.close(new ShoalError('STOPPED', 'local', 'Stopped.'));
  const late = new ShoalError('NETWORK', 'remote', `It did not answer within ${ANSWER_MS / 1000} seconds.`);
  const timer = clock.setTimer('push answer', ANSWER_MS, () => connection.close(late));
  signal.addEventListener('abort', end, { once: true });
  try {
    return await connection.push(offer);
  } finally {
    timer.cancel();
    signal.removeEventListener('abort', end);
  }
}

function pause({ clock }: PeerConnectionPorts, pauseMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const over = () => {
      timer.cancel();
      signal.removeEventListener('abort', over);
      resolve();
    };
    const timer = clock.setTimer('push pause', pauseMs, over);
    signal.addEventListener('abort', over, { once: true });
  });
}
