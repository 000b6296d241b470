/** Scrubs that run in a node for commands, and how what they find crosses the control socket, both ways. */

import { chunkLength, chunkOffset } from '../../common/core/chunks.js';
import { ShoalError } from '../../common/core/errors.js';
import type { Clock } from '../../common/ports/clock.js';
import type { PeerNode } from '../node.js';
import type { FileContent } from '../scrub/damage-ledger.js';
import type { ScrubReport, ScrubWatcher } from '../scrub/scrubber.js';
import type { SharePlace } from '../share/share-place.js';
import type { Json, ScrubRequest } from './control-protocol.js';
import type { ControlSession } from './control-server.js';

/** Milliseconds between two words of how far it is. */
const PROGRESS_PAUSE_MS = 250;

/** A chunk as it is told of, also in the log of the node. */
export interface ToldChunk {
  readonly name: string;
  readonly path: string;
  readonly root: string;
  readonly chunk: number;
  /** Byte offset in the file. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
}

export function toldChunk({ name, root, source, manifest }: FileContent, chunk: number): ToldChunk {
  return { name, path: source.path, root, chunk, offset: chunkOffset(chunk), length: chunkLength(chunk, manifest.sizeBytes) };
}

/** What is wrong with a chunk, as a sentence for people. */
export function damageText({ path, chunk, offset }: ToldChunk, reason: string): string {
  const what = reason === 'unreadable' ? 'it cannot be read' : 'it is not what it was when it was shared';
  return `"${path}" is damaged at byte ${offset} (chunk ${chunk}): ${what}.`;
}

/** That a chunk is as it was, as a sentence for people. */
export function mendedText({ path, chunk, offset }: ToldChunk): string {
  return `"${path}" is mended at byte ${offset} (chunk ${chunk}).`;
}

export interface NodeScrubsPorts {
  readonly node: Pick<PeerNode, 'scrub'>;
  readonly clock: Clock;
  /** What is to be shared, and is not there. */
  readonly missing: () => readonly SharePlace[];
}

/** Runs one for each command at most. */
export class NodeScrubs {
  readonly #ports: NodeScrubsPorts;
  #isRunning = false;

  constructor(ports: NodeScrubsPorts) {
    this.#ports = ports;
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** Throws `BUSY` where one runs, and as `PeerNode.scrub`. */
  async scrub({ isRepair, bytesPerSecond }: ScrubRequest, session: ControlSession): Promise<Json> {
    if (this.#isRunning)
      throw new ShoalError('BUSY', 'local', 'The running peer checks what it shares for another command already.');
    this.#isRunning = true;
    try {
      const { node, clock, missing } = this.#ports;
      const watcher = sender(clock, session.event);
      const how = { isRepair, bytesPerSecond: bytesPerSecond ?? undefined, watcher, signal: session.signal };
      const report = await node.scrub(how);
      const gone = missing();
      for (const { name, path } of gone) session.event({ scrub: 'failed', name, path, message: 'it is gone, or not to be read' });
      return { ...report, failedCount: report.failedCount + gone.length };
    } finally {
      this.#isRunning = false;
    }
  }
}

function sender(clock: Clock, send: (event: Json) => void): ScrubWatcher {
  let sentMs = Number.NEGATIVE_INFINITY;
  return {
    begun: (files, bytes) => send({ scrub: 'begun', files, bytes }),
    progress: (doneBytes) => {
      if (clock.nowMs() - sentMs < PROGRESS_PAUSE_MS) return;
      sentMs = clock.nowMs();
      send({ scrub: 'progress', doneBytes });
    },
    damaged: (content, { chunkIndex, reason }) => send({ scrub: 'damaged', ...toldChunk(content, chunkIndex), reason }),
    mended: (content, chunkIndex) => send({ scrub: 'mended', ...toldChunk(content, chunkIndex) }),
    notMended: ({ name, source: { path } }, chunks, { code, message }) =>
      send({ scrub: 'not-mended', name, path, chunks, code, message }),
    changed: ({ name, source: { path } }) => send({ scrub: 'changed', name, path }),
    failed: ({ name, source: { path } }, message) => send({ scrub: 'failed', name, path, message }),
  };
}

/** The result of a scrub, as a node sent it. */
export function reportOf(result: Json): ScrubReport {
  const count = (key: keyof ScrubReport) => Number(result[key]);
  return {
    fileCount: count('fileCount'),
    readBytes: count('readBytes'),
    damagedCount: count('damagedCount'),
    mendedCount: count('mendedCount'),
    changedCount: count('changedCount'),
    failedCount: count('failedCount'),
  };
}
