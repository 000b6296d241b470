/**
 * A question to one address, and what comes back. Whoever registered it may have any program listen there, so a reader says how much is
 * enough, and a deadline ends it whatever is sent meanwhile.
 */
import type { PeerAddress } from '../../common/core/peer-address.js';
import type { Clock } from '../../common/ports/clock.js';
import type { ByteStream, Dialer, StreamHandlers } from '../../common/ports/net.js';

export interface QuestionPorts {
  readonly dialer: Dialer;
  readonly clock: Clock;
}

/** What is asked, and what is made of the bytes that come. */
export interface ReplyReader<Answer> {
  /** What is said as soon as somebody is there. */
  readonly opening: string;
  /** The answer, were nothing more to come. */
  readonly answer: Answer;
  /** Takes what came; gives what is to be said next (nothing is an empty text), or `undefined` where it is over. */
  take(bytes: Uint8Array): string | undefined;
}

/** A question that is under way. */
export interface Question<Answer> {
  /** Throws what the dialer threw where nobody could be reached. */
  readonly answer: Promise<Answer>;
  /** Gives it up: the answer is what it is by then. Idempotent. */
  cancel(): void;
}

/** Asks, and lets go of the connection as soon as the reader has its answer, or `deadlineMs` milliseconds later. */
export function ask<Answer>(
  { dialer, clock }: QuestionPorts,
  { ip, port }: PeerAddress,
  deadlineMs: number,
  reader: ReplyReader<Answer>,
): Question<Answer> {
  let stream: ByteStream | undefined;
  let end: () => void = () => undefined;
  const ended = new Promise<Answer>((resolve) => {
    // What began as a reply is one, also where it breaks off.
    end = () => resolve(reader.answer);
  });
  const timer = clock.setTimer('question', deadlineMs, end);
  const handlers = (dialed: ByteStream): StreamHandlers => ({
    data: (bytes) => {
      const next = reader.take(bytes);
      if (next === undefined) end();
      else if (next !== '') dialed.write(next);
    },
    ended: end,
    closed: end,
  });
  const dialing = dialer.dial({ host: ip, port }, deadlineMs, handlers).then((dialed) => {
    stream = dialed;
    dialed.write(reader.opening);
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
  return { answer, cancel: end };
}
