/**
 * The requests of one stream that are answered with what is known and not with bytes of a content: HAVE, GET_MANIFEST, STATUS, LIST,
 * PUSH. It owns no memory: a body is made when its turn comes, and an offer's answer keeps its place until the desk has it.
 */

import type { PeerAddress } from '../../common/core/peer-address.js';
import type { ContentRoot } from '../../common/core/root.js';
import { formatPeerStatus, formatPushState } from '../../common/wire/peer-documents.js';
import type { ContentRef, PageRequest, PeerRequest, PushOffer } from '../../common/wire/peer-lines.js';
import { manifestParts } from '../share/manifest-parts.js';
import type { ShareIndex } from '../share/share-index.js';
import { sharedPage } from '../share/shared-page.js';
import type { FrontDesk } from './front-desk.js';
import type { HaveFeed } from './have-feed.js';
import type { ReplySender } from './reply-sender.js';
import { haveReply, NO_FRONT_DESK, type Refusal, refusalOf, THIS_IS_YOU } from './serve-request.js';

export interface DocumentPorts {
  readonly index: Pick<ShareIndex, 'find' | 'from'>;
  /** Left out, STATUS and PUSH are not known here. */
  readonly desk: FrontDesk | undefined;
  readonly sender: Pick<ReplySender, 'body' | 'refuse' | 'later'>;
  readonly feed: Pick<HaveFeed, 'subscribe'>;
  readonly remoteIp: string;
  /** This process, as it says in its own requests; `undefined` where it sends none. */
  readonly id: string | undefined;
  readonly peerSeen: (root: ContentRoot, address: PeerAddress) => void;
  /** Says that something is not shared; false where the asker has to wait for that. */
  readonly missed: () => boolean;
}

export type DocumentRequest = Extract<PeerRequest, { verb: 'HAVE' | 'GET_MANIFEST' | 'STATUS' | 'LIST' | 'PUSH' }>;

export class DocumentReplies {
  readonly #ports: DocumentPorts;

  constructor(ports: DocumentPorts) {
    this.#ports = ports;
  }

  /** Takes the reply's place in the order of replies; false where the asker has to wait. */
  answer(request: DocumentRequest): boolean {
    switch (request.verb) {
      case 'HAVE':
        return this.#have(request);
      case 'GET_MANIFEST':
        return this.#manifest(request.content);
      case 'STATUS':
        this.#status();
        break;
      case 'LIST':
        this.#ports.sender.body(() => this.#list(request.page));
        break;
      case 'PUSH':
        this.#push(request.offer);
        break;
    }
    return true;
  }

  #have({ content: ref, port, id }: Extract<PeerRequest, { verb: 'HAVE' }>): boolean {
    const { index, sender, feed, remoteIp, peerSeen, missed } = this.#ports;
    const content = index.find(ref);
    if (this.#isMine(id)) sender.refuse(THIS_IS_YOU);
    else if (content === undefined) return missed();
    else {
      if (port !== undefined) peerSeen(content.root, { ip: remoteIp, port });
      sender.body(() => haveReply(feed.subscribe(content)));
    }
    return true;
  }

  #manifest(ref: ContentRef): boolean {
    const content = this.#ports.index.find(ref);
    if (content === undefined) return this.#ports.missed();
    this.#ports.sender.body(() => manifestParts(content.manifest));
    return true;
  }

  #status(): void {
    const { desk, sender } = this.#ports;
    if (desk === undefined) sender.refuse(NO_FRONT_DESK);
    else sender.body(() => textBody(formatPeerStatus(desk.status())));
  }

  #list(page: PageRequest): readonly Uint8Array[] | Refusal {
    try {
      return textBody(sharedPage(this.#ports.index, page));
    } catch (error) {
      return refusalOf(error);
    }
  }

  #push(offer: PushOffer): void {
    const { desk, sender, remoteIp } = this.#ports;
    if (desk === undefined) sender.refuse(NO_FRONT_DESK);
    else if (this.#isMine(offer.id)) sender.refuse(THIS_IS_YOU);
    else sender.later(() => stateOf(desk, offer, remoteIp));
  }

  #isMine(id: string | undefined): boolean {
    return id !== undefined && id === this.#ports.id;
  }
}

/** Never rejects. */
async function stateOf(desk: FrontDesk, offer: PushOffer, ip: string): Promise<string | Refusal> {
  try {
    return formatPushState(await desk.push(offer, { ip }));
  } catch (error) {
    return refusalOf(error);
  }
}

function textBody(text: string): readonly Uint8Array[] {
  return [Buffer.from(text)];
}
