/** Fetches that run in a node for commands: each told to its command as it goes, and counted. */
import { ShoalError } from '../../common/core/errors.js';
import type { FileName } from '../../common/core/file-name.js';
import { parseHostPort } from '../../common/core/peer-address.js';
import type { FetchEvent, FetchResult } from '../fetch/fetch-events.js';
import { parseFetchSource } from '../fetch/fetch-source.js';
import type { PeerNode } from '../node.js';
import type { FetchRequest, Json } from './control-protocol.js';
import type { ControlSession } from './control-server.js';
import type { CountedContent } from './statistics.js';

/** A fetch as `peer status` shows it. */
export interface RunningFetch {
  readonly name: string;
  readonly phase: string;
  readonly doneBytes: number;
  readonly totalBytes: number;
  readonly peerCount: number;
}

export interface NodeFetchesPorts {
  readonly node: Pick<PeerNode, 'fetch' | 'serves'>;
  /** Bytes that came in. */
  readonly downloaded: (content: CountedContent, bytes: number) => void;
  /** A fetch has come to its end. */
  readonly fetched: (result: FetchResult) => void;
  /** Goes on sharing a result. */
  readonly keep: (result: FetchResult) => Promise<void>;
}

/** Why a fetch is given back to its command. */
const HELD = new ShoalError('STOPPED', 'local', 'This peer serves it itself.');

export class NodeFetches {
  readonly #ports: NodeFetchesPorts;
  readonly #running = new Set<Progress>();

  constructor(ports: NodeFetchesPorts) {
    this.#ports = ports;
  }

  get running(): readonly RunningFetch[] {
    return [...this.#running].map((progress) => progress.shown);
  }

  /**
   * Fetches, and resolves with `{ result }`; or with `{ isHeld: true }` for what this node serves itself, or by another name that it needs:
   * nobody fetches from itself, so the command has to. Throws as `fetchContent`.
   */
  async fetch(request: FetchRequest, session: ControlSession): Promise<Json> {
    const { node, downloaded, fetched, keep } = this.#ports;
    const source = parseFetchSource(request.what);
    if (node.serves(source.content)) return { isHeld: true };
    const held = new AbortController();
    const progress = new Progress(source.name ?? request.what, downloaded);
    this.#running.add(progress);
    try {
      const result = await node.fetch({
        source,
        shown: source.name ?? request.what,
        trackers: request.trackers.map((tracker) => parseHostPort(tracker, 0)),
        out: request.out ?? undefined,
        directory: request.directory,
        isOverwrite: request.isOverwrite,
        isFresh: request.isFresh,
        patienceMs: request.patienceMs,
        isKept: request.isKept,
        signal: AbortSignal.any([session.signal, held.signal]),
        onEvent: (event) => {
          // Nothing of it is served yet, so whoever has its name or root is another.
          if (event.event === 'content' && isTaken(node, event)) held.abort(HELD);
          if (held.signal.aborted) return;
          progress.event(event);
          session.event(event);
        },
      });
      progress.result(result);
      fetched(result);
      if (request.isKept && result.verified) await keep(result);
      return { result };
    } catch (error) {
      if (held.signal.aborted) return { isHeld: true };
      throw error;
    } finally {
      this.#running.delete(progress);
    }
  }
}

function isTaken(node: Pick<PeerNode, 'serves'>, { name, root }: Extract<FetchEvent, { event: 'content' }>): boolean {
  const isServed = root !== null && node.serves({ by: 'root', root });
  return isServed || node.serves({ by: 'name', name: name as FileName });
}

/** How far one fetch is. */
class Progress {
  readonly #downloaded: NodeFetchesPorts['downloaded'];
  #content: CountedContent | undefined;
  #countedBytes = 0;
  #fetchedBytes = 0;
  shown: RunningFetch;

  constructor(name: string, downloaded: NodeFetchesPorts['downloaded']) {
    this.#downloaded = downloaded;
    this.shown = { name, phase: 'lookup', doneBytes: 0, totalBytes: 0, peerCount: 0 };
  }

  event(event: FetchEvent): void {
    if (event.event === 'content') {
      const { name, root, size } = event;
      this.#content = { name, root: root ?? undefined, sizeBytes: size };
      this.shown = { ...this.shown, name, totalBytes: size };
    }
    if (event.event !== 'phase' && event.event !== 'progress') return;
    const { phase, doneBytes, totalBytes } = event;
    const peerCount = event.event === 'progress' ? event.peers : 0;
    // What is done at the beginning of a phase was not fetched in it.
    if (phase === 'fetch' && event.event === 'progress') this.#count(this.#fetchedBytes + doneBytes - this.shown.doneBytes);
    this.shown = { name: this.shown.name, phase, doneBytes, totalBytes, peerCount };
  }

  /** The exact number, at the end. */
  result({ fetchedBytes }: FetchResult): void {
    this.#count(fetchedBytes);
  }

  #count(fetchedBytes: number): void {
    this.#fetchedBytes = fetchedBytes;
    if (this.#content === undefined || fetchedBytes <= this.#countedBytes) return;
    this.#downloaded(this.#content, fetchedBytes - this.#countedBytes);
    this.#countedBytes = fetchedBytes;
  }
}
