/** Pushes that run in a node for commands, and how their events cross the control socket, both ways. */
import { type ErrorCode, isErrorCode, ShoalError } from '../../common/core/errors.js';
import type { FileName } from '../../common/core/file-name.js';
import { formatPeerAddress, parsePeerAddress } from '../../common/core/peer-address.js';
import type { Clock } from '../../common/ports/clock.js';
import type { PushState } from '../../common/wire/peer-documents.js';
import type { PeerNode } from '../node.js';
import type { PushContent, PushEventsForAll } from '../push/node-push.js';
import type { ReceiverEnd } from '../push/push-all.js';
import { parseReceivers } from '../push/receivers.js';
import type { Json, PushRequest } from './control-protocol.js';
import type { ControlSession } from './control-server.js';
import { hashingSender } from './share-news.js';
import { namesOf, type ShareOwners } from './share-owners.js';

export interface NodePushesPorts {
  readonly node: Pick<PeerNode, 'push' | 'pushable'>;
  readonly owners: Pick<ShareOwners, 'share' | 'release'>;
  readonly clock: Clock;
}

/** Shares a path for the while and pushes it; resolves with an end for each receiver. Throws as `PeerNode.share` and `PeerNode.push`. */
export async function pushForCommand(ports: NodePushesPorts, request: PushRequest, session: ControlSession): Promise<Json> {
  const { node, owners, clock } = ports;
  const { path, to, group, timeoutMs } = request;
  const receivers = parseReceivers(to);
  const hashing = hashingSender(clock, session.event);
  const names = namesOf([path]);
  await owners.share([path], session, hashing);
  try {
    hashing.over();
    session.signal.throwIfAborted();
    const content = node.pushable(names[0] as FileName);
    if (content === undefined)
      throw new ShoalError('CHANGED', 'environment', `"${path}" changed while it was hashed; push it again.`);
    session.event({ push: 'content', content });
    const events: PushEventsForAll = {
      chosen: (addresses) => session.event({ push: 'chosen', receivers: addresses.map(formatPeerAddress) }),
      state: (address, state) => session.event({ push: 'state', address: formatPeerAddress(address), state }),
      ended: (end) => session.event({ push: 'ended', end: endJson(end) }),
    };
    const options = { content, receivers, group: group ?? undefined, timeoutMs, events, signal: session.signal };
    return { ends: (await node.push(options)).map(endJson) };
  } finally {
    owners.release(names, session);
  }
}

/** Tells what an event of the node stands for; `begin` makes who hears of the rest. Passes over what is no news of a push. */
export class PushNewsReader {
  readonly #begin: (content: PushContent) => PushEventsForAll;
  #events: PushEventsForAll | undefined;

  constructor(begin: (content: PushContent) => PushEventsForAll) {
    this.#begin = begin;
  }

  take(event: Json): void {
    switch (event['push']) {
      case 'content':
        this.#events = this.#begin(event['content'] as PushContent);
        return;
      case 'chosen':
        this.#events?.chosen((event['receivers'] as readonly string[]).map(parsePeerAddress));
        return;
      case 'state':
        this.#events?.state(parsePeerAddress(String(event['address'])), event['state'] as PushState);
        return;
      case 'ended':
        this.#events?.ended(endOf(event['end'] as EndJson));
    }
  }
}

/** The ends in the result of a push. */
export function endsOf({ ends }: Json): ReceiverEnd[] {
  return (ends as readonly EndJson[]).map(endOf);
}

interface EndJson {
  readonly address: string;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly isReplaced: boolean;
}

function endJson({ address, error, isReplaced }: ReceiverEnd): EndJson {
  const told = error === undefined ? null : { code: error.code, message: error.message };
  return { address: formatPeerAddress(address), error: told, isReplaced };
}

function endOf({ address, error, isReplaced }: EndJson): ReceiverEnd {
  return { address: parsePeerAddress(address), error: error === null ? undefined : errorOf(error), isReplaced };
}

function errorOf({ code, message }: { readonly code: string; readonly message: string }): ShoalError {
  const known: ErrorCode = isErrorCode(code) ? code : 'INTERNAL';
  return new ShoalError(known, 'remote', message);
}
