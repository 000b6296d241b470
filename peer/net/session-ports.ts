/** What a session of a fetcher is given: what all sessions of a node share, and whom to tell. */
import type { PeerAddress } from '../../common/core/peer-address.js';
import type { ContentRoot } from '../../common/core/root.js';
import type { Clock } from '../../common/ports/clock.js';
import type { BufferPool } from '../share/buffer-pool.js';
import type { ChunkReader } from '../share/chunk-reader.js';
import type { ShareIndex } from '../share/share-index.js';
import type { SharedContent } from '../share/shared-content.js';
import type { FrontDesk } from './front-desk.js';
import type { ProbeLimits } from './probe-limits.js';
import type { ServeSession } from './serve-session.js';
import type { UploadQueue } from './upload-queue.js';

export interface SessionPorts {
  readonly index: Pick<ShareIndex, 'find' | 'from'>;
  readonly reader: Pick<ChunkReader, 'read'>;
  readonly buffers: BufferPool;
  /** Of all sessions of a node. */
  readonly uploads: UploadQueue;
  readonly clock: Clock;
  /** Of all sessions of a node. */
  readonly probes: ProbeLimits;
  /** What answers STATUS and PUSH; left out, they are not known here. */
  readonly desk: FrontDesk | undefined;
  /** This process, as it says in its own requests; `undefined` where it sends none. */
  readonly id: string | undefined;
  /** Bytes of content that the network took. */
  readonly served: (content: SharedContent, bytes: number) => void;
  /** The other side serves this content too, at this address. */
  readonly peerSeen: (root: ContentRoot, address: PeerAddress) => void;
  /** The stream is gone. */
  readonly closed: (session: ServeSession) => void;
}
