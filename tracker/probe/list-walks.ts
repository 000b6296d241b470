/**
 * Looks at the lists of peers that say they serve less than is registered of them, and withdraws what they do not list.
 *
 *     `files=` below what is registered ──► LIST, page by page ──► came to its end: what is not in it is withdrawn
 *                                                           └──► refused, senseless, cut off, too long: nothing changes
 *
 * A walk costs the tracker bytes and the peer an answer, so a few run at once, one of a source, and each source, as all of them
 * together, is given so many bytes in an interval.
 */
import { formatPeerAddress, type PeerAddress, sourceOf } from '../../common/core/peer-address.js';
import type { Log } from '../../common/node/log.js';
import type { ListCheck } from '../registry/list-check.js';
import { askList, type ListAnswer } from './ask-list.js';
import type { Question, QuestionPorts } from './question.js';

/** Bytes of lists in an interval: of one source about 75,000 rows, a quarter of a second of work, and of all. */
const SOURCE_MAX_BYTES = 8 * 2 ** 20;
const ALL_MAX_BYTES = 32 * 2 ** 20;
/** Walks at once, each of a source of its own. */
const AT_ONCE_COUNT = 4;

/** What a walk asks of the registry. */
export interface ListedRegistry {
  /** What is registered of a peer, to be held against its list; `undefined` where that is not more than `fileCount`. */
  checkList(address: PeerAddress, fileCount: number, nowMs: number): ListCheck | undefined;
}

export interface ListWalkPorts extends QuestionPorts {
  readonly registry: ListedRegistry;
  readonly log: Log;
}

export class ListWalks {
  readonly #ports: ListWalkPorts;
  /** By source. */
  readonly #open = new Map<string, Question<ListAnswer>>();
  /** Of this interval. */
  readonly #bytesOfSource = new Map<string, number>();
  #bytes = 0;
  #isClosed = false;

  constructor(ports: ListWalkPorts) {
    this.#ports = ports;
  }

  /** A new interval: everybody has his bytes again. */
  renew(): void {
    this.#bytesOfSource.clear();
    this.#bytes = 0;
  }

  /** A peer says that it serves so many names. Never throws. */
  async look(address: PeerAddress, fileCount: number): Promise<void> {
    const source = sourceOf(address.ip);
    const maxBytes = SOURCE_MAX_BYTES - (this.#bytesOfSource.get(source) ?? 0);
    if (this.#isClosed || this.#open.has(source) || this.#open.size >= AT_ONCE_COUNT) return;
    if (maxBytes <= 0 || this.#bytes >= ALL_MAX_BYTES) return;
    const { registry, clock, log } = this.#ports;
    const check = registry.checkList(address, fileCount, clock.nowMs());
    if (check === undefined) return;
    const walk = askList(this.#ports, address, { maxBytes, row: (row) => check.saw(row) });
    this.#open.set(source, walk);
    const { isWhole, readBytes } = await walk.answer.catch(() => NOT_REACHED);
    this.#open.delete(source);
    this.#bytesOfSource.set(source, (this.#bytesOfSource.get(source) ?? 0) + readBytes);
    this.#bytes += readBytes;
    if (this.#isClosed || !isWhole) return;
    const count = check.withdrawUnseen(clock.nowMs());
    if (count > 0) log.info({ address: formatPeerAddress(address), count }, 'withdrew what a peer does not list');
  }

  /** Ends all walks. Idempotent. */
  close(): void {
    this.#isClosed = true;
    for (const walk of this.#open.values()) walk.cancel();
  }
}

const NOT_REACHED: ListAnswer = { isWhole: false, readBytes: 0 };
