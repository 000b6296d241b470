/**
 * Looks again and again at the files that are shared, a bounded number at a time, and reports those that changed or vanished.
 * It reads states only. What is read for serving is checked besides, each time, by the chunk reader.
 */
import { lookAt } from '../../common/node/disk-work.js';
import type { Clock, Timer } from '../../common/ports/clock.js';
import type { Disk } from '../../common/ports/disk.js';
import { sameIdentity } from '../hash/file-identity.js';
import type { ShareIndex } from './share-index.js';
import type { SharedContent } from './shared-content.js';

/** Milliseconds between two portions of a sweep. */
const TICK_MS = 500;
/** Files looked at in one portion: few files are seen twice a second, 100,000 within two minutes. */
const TICK_FILES_COUNT = 512;
/** Looks under way at once: the thread pool has other work. */
const LOOKS_AT_ONCE_COUNT = 8;

export interface WatchPorts {
  readonly disk: Pick<Disk, 'lstat'>;
  readonly clock: Clock;
  readonly index: Pick<ShareIndex, 'contents'>;
}

export class Watch {
  readonly #ports: WatchPorts;
  readonly #changed: (content: SharedContent) => void;
  #sweep: Iterator<SharedContent> | undefined;
  #timer: Timer | undefined;
  #isClosed = false;

  /** `changed` may be called again for the same content until it is taken out of the index. */
  constructor(ports: WatchPorts, changed: (content: SharedContent) => void) {
    this.#ports = ports;
    this.#changed = changed;
    this.#schedule();
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  #schedule(): void {
    if (this.#isClosed) return;
    this.#timer = this.#ports.clock.setTimer('watch', TICK_MS, () => {
      void this.#look().finally(() => this.#schedule());
    });
  }

  async #look(): Promise<void> {
    const portion: SharedContent[] = [];
    this.#sweep ??= this.#ports.index.contents();
    while (portion.length < TICK_FILES_COUNT) {
      const next = this.#sweep.next();
      if (next.done === true) {
        this.#sweep = undefined;
        break;
      }
      if (next.value.source.kind === 'file') portion.push(next.value);
    }
    const look = async () => {
      for (let content = portion.pop(); content !== undefined && !this.#isClosed; content = portion.pop()) {
        if (!(await this.#isUnchanged(content))) this.#changed(content);
      }
    };
    await Promise.all(Array.from({ length: LOOKS_AT_ONCE_COUNT }, look));
  }

  async #isUnchanged({ source }: SharedContent): Promise<boolean> {
    if (source.kind !== 'file') return true;
    const { identity } = source;
    const status = await lookAt(this.#ports.disk, source.path);
    if (status?.kind === 'file' && sameIdentity(status, identity)) return true;
    // It is being mended, or was while it was looked at.
    return source.mending !== undefined || source.identity !== identity;
  }
}
