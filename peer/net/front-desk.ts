/** What a server answers beyond contents: how the peer is, and whether it takes what others offer. */
import type { PeerStatus, PushState } from '../../common/wire/peer-documents.js';
import type { PushOffer } from '../../common/wire/peer-lines.js';

export interface FrontDesk {
  status(): PeerStatus;
  /**
   * Takes an offer, or tells what became of it: the same offer again is no new one. `from` is where it was seen to come from.
   * Throws `DENIED` where this peer does not accept it, `LIMIT` beyond a quota, `BUSY` with too many at once.
   */
  push(offer: PushOffer, from: { readonly ip: string }): Promise<PushState>;
}
