/**
 * The serving half of a node: what it has, who may ask for it, and how busy that makes it. It owns no socket but the server's, and no
 * content: what is served is put on the shelf and taken from it by others.
 */
import { ShoalError } from '../common/core/errors.js';
import { UPLOAD_SLOTS_MIN_COUNT } from '../common/core/limits.js';
import type { Clock } from '../common/ports/clock.js';
import type { ListenPort } from '../common/ports/net.js';
import type { FrontDesk } from './net/front-desk.js';
import { createNodeDesk } from './net/node-desk.js';
import { ChunkServer } from './net/server.js';
import type { PushInbox } from './push/push-inbox.js';
import type { ChunkReader } from './share/chunk-reader.js';
import type { Introductions } from './share/introductions.js';
import type { ShareIndex } from './share/share-index.js';
import type { SharedContent } from './share/shared-content.js';

/** What a node serves, and whom it hears of by that. */
export interface Shelf {
  readonly index: ShareIndex;
  readonly reader: ChunkReader;
  readonly introductions: Introductions;
  /** This process, as it says in its own requests. */
  readonly id: string;
}

export interface NodeServerOptions {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** What may be sent in bytes a second; `undefined` where that is not limited. */
  readonly upBytesPerSecond: number | undefined;
  /** Whether it takes what others push. */
  readonly isAccepting: boolean;
  readonly group: string | undefined;
  /** Bytes of a content that a fetcher took. */
  readonly served: (content: SharedContent, bytes: number) => void;
}

export interface NodeServer {
  readonly server: ChunkServer;
  readonly desk: FrontDesk;
}

/** `inbox` gives what takes pushes, as soon as it is there. Throws `NETWORK` or `DENIED` where the port cannot be had. */
export async function openNodeServer(
  { listener, clock }: { readonly listener: ListenPort; readonly clock: Clock },
  { host, port, upBytesPerSecond, isAccepting, group, served }: NodeServerOptions,
  { index, reader, introductions, id }: Shelf,
  inbox: () => PushInbox | undefined,
): Promise<NodeServer> {
  const receiver = {
    push: async (...offer: Parameters<PushInbox['push']>) => (inbox() ?? notYet()).push(...offer),
    acceptBytes: () => inbox()?.acceptBytes ?? 0,
  };
  const desk = createNodeDesk({
    load: () => server.load,
    fileCount: () => index.count,
    upBytesPerSecond,
    ...(isAccepting ? { receiver } : {}),
    ...(group === undefined ? {} : { group }),
  });
  const server = await ChunkServer.listen(
    { listener, clock, index, reader },
    {
      host,
      port,
      id,
      desk,
      // A link that is known to be narrow is full with the fewest.
      ...(upBytesPerSecond === undefined ? {} : { uploadSlotCount: UPLOAD_SLOTS_MIN_COUNT }),
      served,
      peerSeen: (root, address) => introductions.seen(root, address),
    },
  );
  return { server, desk };
}

function notYet(): never {
  throw new ShoalError('BUSY', 'local', 'This peer is just starting.');
}
