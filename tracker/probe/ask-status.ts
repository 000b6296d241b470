/**
 * One question to one address: is a peer there, and how busy is it? Whoever registered it may have any program listen there, so whatever
 * comes back is read up to a bound, for as long as a deadline, and believed only as far as it looks like a reply of a peer.
 *
 *     dial ──► STATUS ──► size line ──► its body: `load=`            alive, with its load
 *                             │   └──► too large, or none of STATUS   alive, and says no load (a program of somebody else)
 *                             ├──► ERR …                              alive, and knows no STATUS
 *                             └──► anything else, or nothing in time  silent
 */
import { LINE_MAX_BYTES, TRACKER_PROBE_DEADLINE_MS } from '../../common/core/limits.js';
import type { PeerAddress } from '../../common/core/peer-address.js';
import type { Clock } from '../../common/ports/clock.js';
import type { ByteStream, Dialer, StreamHandlers } from '../../common/ports/net.js';
import { parsePeerStatus, STATUS_MAX_BYTES } from '../../common/wire/peer-documents.js';
import { formatPeerRequest, parseBodyHeader } from '../../common/wire/peer-lines.js';
import { parseErr } from '../../common/wire/tokens.js';

export interface ProbePorts {
  readonly dialer: Dialer;
  readonly clock: Clock;
}

/** What came of it; `load` is `undefined` where the peer does not tell. */
export type ProbeAnswer = { readonly isAlive: true; readonly load: number | undefined } | { readonly isAlive: false };

const SILENT: ProbeAnswer = { isAlive: false };
const WITHOUT_LOAD: ProbeAnswer = { isAlive: true, load: undefined };
const LF = 0x0a;

/** A question that is under way. */
export interface Probe {
  /** Throws what the dialer threw where nobody could be reached. */
  readonly answer: Promise<ProbeAnswer>;
  /** Gives it up: the answer is that nobody is there. Idempotent. */
  cancel(): void;
}

/** Asks, and lets go of the connection as soon as the answer is clear. */
export function askStatus({ dialer, clock }: ProbePorts, { ip, port }: PeerAddress): Probe {
  let stream: ByteStream | undefined;
  let end: (answer: ProbeAnswer) => void = () => undefined;
  const ended = new Promise<ProbeAnswer>((resolve) => {
    end = resolve;
  });
  // What began as a reply is one, also where it breaks off.
  let soFar = SILENT;
  const timer = clock.setTimer('probe', TRACKER_PROBE_DEADLINE_MS, () => end(soFar));
  const handlers = (): StreamHandlers => {
    let held = Buffer.alloc(0);
    return {
      data: (bytes) => {
        held = Buffer.concat([held, bytes]);
        const read = readReply(held);
        soFar = read.answer;
        if (read.isOver) end(soFar);
      },
      ended: () => end(soFar),
      closed: () => end(soFar),
    };
  };
  const dialing = dialer.dial({ host: ip, port }, TRACKER_PROBE_DEADLINE_MS, handlers).then((dialed) => {
    stream = dialed;
    dialed.write(formatPeerRequest({ verb: 'STATUS' }));
    return ended;
  });
  // Whichever is first: a dialer that never comes back is bound by the deadline too.
  const answer = Promise.race([dialing, ended]).finally(() => {
    timer.cancel();
    stream?.destroy();
    // One that is reached too late is let go as well.
    dialing.then(
      () => stream?.destroy(),
      () => undefined,
    );
  });
  return { answer, cancel: () => end(SILENT) };
}

/** What the bytes that came so far say, and whether more of them could say more. */
export function readReply(bytes: Uint8Array): { readonly answer: ProbeAnswer; readonly isOver: boolean } {
  const at = bytes.indexOf(LF);
  if (at < 0) return { answer: SILENT, isOver: bytes.length >= LINE_MAX_BYTES };
  const line = Buffer.from(bytes.subarray(0, at)).toString('utf8').replace(/\r$/, '');
  if (parseErr(line) !== undefined) return { answer: WITHOUT_LOAD, isOver: true };
  const sizeBytes = parseBodyHeader(line);
  if (sizeBytes === undefined) return { answer: SILENT, isOver: true };
  if (sizeBytes > STATUS_MAX_BYTES) return { answer: WITHOUT_LOAD, isOver: true };
  const body = bytes.subarray(at + 1, at + 1 + sizeBytes);
  if (body.length < sizeBytes) return { answer: WITHOUT_LOAD, isOver: false };
  return { answer: { isAlive: true, load: loadOf(body) }, isOver: true };
}

function loadOf(body: Uint8Array): number | undefined {
  try {
    return parsePeerStatus(body).load;
  } catch {
    return undefined;
  }
}
