/**
 * The listening side of a peer: accepts streams while the doors let them in, gives each a session, and looks after all with one timer.
 * It knows nothing about contents; what may be asked for is the session's and the index's business.
 */
import { SERVE_STREAMS_MAX_COUNT, SERVE_STREAMS_PER_IP_MAX_COUNT } from '../../common/core/limits.js';
import type { PeerAddress } from '../../common/core/peer-address.js';
import type { ContentRoot } from '../../common/core/root.js';
import type { Clock, Timer } from '../../common/ports/clock.js';
import type { Listener, ListenPort, ServedStream, StreamHandlers } from '../../common/ports/net.js';
import { BufferPool } from '../share/buffer-pool.js';
import type { ChunkReader } from '../share/chunk-reader.js';
import type { ShareIndex } from '../share/share-index.js';
import type { SharedContent } from '../share/shared-content.js';
import type { FrontDesk } from './front-desk.js';
import { ProbeLimits } from './probe-limits.js';
import { ServeDoors } from './serve-doors.js';
import type { Refusal } from './serve-request.js';
import { ServeSession } from './serve-session.js';
import type { SessionPorts } from './session-ports.js';
import { type UploadLoad, UploadQueue } from './upload-queue.js';

const TOO_MANY_STREAMS: Refusal = {
  verb: 'ERR',
  code: 'BUSY',
  text: 'Too many streams are open here, or from your address.',
  isBadLine: false,
};

/** Milliseconds between two looks at the deadlines of all sessions. */
const CHECK_MS = 1000;

export interface ServerPorts {
  readonly listener: ListenPort;
  readonly clock: Clock;
  readonly index: Pick<ShareIndex, 'find' | 'from'>;
  readonly reader: Pick<ChunkReader, 'read'>;
}

export interface ServerOptions {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** Default SERVE_STREAMS_MAX_COUNT. */
  readonly streamsMaxCount?: number;
  /** For each source that is not this machine; default SERVE_STREAMS_PER_IP_MAX_COUNT. */
  readonly streamsPerIpMaxCount?: number;
  /** Chunks that are sent at once, to all streams together, to begin with; default UPLOAD_SLOTS_START_COUNT. */
  readonly uploadSlotCount?: number;
  /** This process, as it says in its own requests: 16 hex digits. Whoever comes with it is told that it dialed itself. */
  readonly id?: string;
  /** What answers STATUS and PUSH; left out, they are not known here. */
  readonly desk?: FrontDesk;
  readonly served?: (content: SharedContent, bytes: number) => void;
  /** Somebody who asked for a content serves it too, at this address. */
  readonly peerSeen?: (root: ContentRoot, address: PeerAddress) => void;
}

export class ChunkServer {
  readonly #ports: ServerPorts;
  readonly #sessionPorts: SessionPorts;
  readonly #uploads: UploadQueue;
  readonly #sessions = new Set<ServeSession>();
  readonly #doors: ServeDoors<ServeSession>;
  #listener: Listener | undefined;
  #timer: Timer | undefined;
  #closing: Promise<void> | undefined;

  private constructor(ports: ServerPorts, options: ServerOptions) {
    this.#ports = ports;
    this.#uploads = new UploadQueue(options.uploadSlotCount);
    this.#doors = new ServeDoors({
      streamsMaxCount: options.streamsMaxCount ?? SERVE_STREAMS_MAX_COUNT,
      perSourceMaxCount: options.streamsPerIpMaxCount ?? SERVE_STREAMS_PER_IP_MAX_COUNT,
    });
    this.#sessionPorts = {
      ...ports,
      buffers: new BufferPool(),
      uploads: this.#uploads,
      probes: new ProbeLimits(),
      id: options.id,
      desk: options.desk,
      served: options.served ?? (() => undefined),
      peerSeen: options.peerSeen ?? (() => undefined),
      closed: (session) => this.#forget(session),
    };
  }

  /** Throws `NETWORK` or `DENIED` where the port cannot be had. */
  static async listen(ports: ServerPorts, options: ServerOptions): Promise<ChunkServer> {
    const server = new ChunkServer(ports, options);
    const { host, port } = options;
    const connectionsMaxCount = server.#doors.openMaxCount;
    server.#listener = await ports.listener.listen({ host, port, connectionsMaxCount }, (stream) => server.#accept(stream));
    server.#scheduleCheck();
    return server;
  }

  /** Where it listens, with the port that the system chose. */
  get local(): PeerAddress {
    return this.#listener?.local ?? { ip: '0.0.0.0', port: 0 };
  }

  get streamCount(): number {
    return this.#sessions.size;
  }

  /** How busy this side is. */
  get load(): UploadLoad {
    return this.#uploads.load;
  }

  /** Stops listening and cuts all streams. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#timer?.cancel();
    await this.#listener?.close();
    for (const session of this.#sessions) session.destroy();
  }

  #accept(stream: ServedStream): StreamHandlers {
    const session = new ServeSession(stream, this.#sessionPorts);
    this.#sessions.add(session);
    if (this.#closing !== undefined) session.destroy();
    else if (!this.#doors.admit(session)) session.refuse(TOO_MANY_STREAMS);
    return session;
  }

  #forget(session: ServeSession): void {
    this.#sessions.delete(session);
    this.#doors.forget(session);
  }

  #scheduleCheck(): void {
    this.#timer = this.#ports.clock.setTimer('check streams', CHECK_MS, () => {
      const nowMs = this.#ports.clock.nowMs();
      let tookBytes = 0;
      for (const session of this.#sessions) tookBytes += session.check(nowMs);
      this.#uploads.tick(tookBytes, nowMs);
      this.#scheduleCheck();
    });
  }
}
