/**
 * What was pushed to this peer, and how far it is. Pure: `now` and what the disk holds come in.
 *
 *     waiting ── begin ──► fetching ── done ───► done ─────┐
 *                              └────── failed ─► failed ───┴─ after PUSH_KEPT_MS, or when there are too many ──► forgotten
 *
 * Invariant: what lies in the folder, what is still to come of the contents that wait or are fetched, and what failed ones left, is
 * at most the quota; at most `parallelCount` are fetched; each content is here once under one name.
 */
import { chunkCount } from '../../common/core/chunks.js';
import { invariant, ShoalError } from '../../common/core/errors.js';
import {
  PUSH_KEPT_MS,
  PUSHES_KEPT_MAX_COUNT,
  PUSHES_WAITING_MAX_COUNT,
  PUSHES_WAITING_PER_IP_MAX_COUNT,
} from '../../common/core/limits.js';
import { formatBytes } from '../../common/core/units.js';
import type { PushState } from '../../common/wire/peer-documents.js';
import type { PushOffer } from '../../common/wire/peer-lines.js';

/** How a push ended. */
export type PushOutcome =
  /** `addedBytes`: what the folder holds more than before. */
  { readonly kind: 'done'; readonly addedBytes: number } | { readonly kind: 'failed'; readonly error: ShoalError };

type Phase =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'fetching' }
  | { readonly kind: 'done'; readonly atMs: number }
  /** `leftBytes`: of its unfinished file, which stays so that the same content can go on where it was. */
  | { readonly kind: 'failed'; readonly atMs: number; readonly error: ShoalError; readonly leftBytes: number };

export interface PushRecord {
  readonly offer: PushOffer;
  /** Who offered it. */
  readonly ip: string;
  readonly phase: Phase;
  /** Of the whole content; for a folder that is known only when its index is here. */
  readonly totalBytes: number;
  readonly doneBytes: number;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export interface PushTableOptions {
  readonly quotaBytes: number;
  readonly parallelCount: number;
}

export class PushTable {
  readonly #options: PushTableOptions;
  /** In the order in which they came. */
  readonly #records = new Map<string, Mutable<PushRecord>>();
  /** What the folder holds, but for what is in a record. */
  #keptBytes = 0;
  #addedBytes = 0;

  constructor(options: PushTableOptions) {
    this.#options = options;
  }

  /** The record of the same content under the same name, or `undefined`. */
  find(offer: PushOffer): PushRecord | undefined {
    return this.#records.get(keyOf(offer));
  }

  records(): IterableIterator<PushRecord> {
    return this.#records.values();
  }

  /** What pushes have added to the folder so far. */
  get addedBytes(): number {
    return this.#addedBytes;
  }

  /** What the disk was found to hold, without unfinished files of records. */
  measured(keptBytes: number): void {
    this.#keptBytes = keptBytes;
  }

  /** Bytes that can still be pushed; never negative. */
  get roomBytes(): number {
    return this.#roomBut(undefined);
  }

  /** The same for one offer, which goes on with what an earlier try of it left. */
  roomFor(offer: PushOffer): number {
    return this.#roomBut(this.find(offer));
  }

  /** Bytes that are not written yet of what waits or is fetched. */
  get unwrittenBytes(): number {
    let bytes = 0;
    for (const record of this.#records.values()) if (isOpen(record)) bytes += record.totalBytes - record.doneBytes;
    return bytes;
  }

  /**
   * Those that failed and left something on disk, the oldest first: what can go to make room for an offer. None where it would not fit
   * even then, since an offer that is too large must not cost others what they have.
   */
  leftovers(wanted: PushOffer): PushRecord[] {
    const left = [...this.#records.values()].filter(({ phase }) => phase.kind === 'failed' && phase.leftBytes > 0);
    const others = left.filter((record) => record !== this.find(wanted));
    let takenBytes = wanted.sizeBytes + this.#keptBytes;
    for (const record of this.#records.values()) if (isOpen(record)) takenBytes += chargeOf(record);
    return takenBytes > this.#options.quotaBytes ? [] : others;
  }

  /** Whether another one may wait, from anywhere. */
  get hasPlace(): boolean {
    return this.#waitingCount(() => true) < PUSHES_WAITING_MAX_COUNT;
  }

  /**
   * Takes an offer, in place of an earlier try of it that is over. Throws `BUSY` where too many wait, `LIMIT` where it is more than the
   * room; then that try stays, so that what it left on disk is counted.
   */
  admit(offer: PushOffer, ip: string): PushRecord {
    const former = this.find(offer);
    invariant(former === undefined || isOver(former), 'a push is admitted once');
    const fromHereCount = this.#waitingCount((record) => record.ip === ip);
    if (!this.hasPlace || fromHereCount >= PUSHES_WAITING_PER_IP_MAX_COUNT)
      throw new ShoalError('BUSY', 'local', 'Too many pushes wait here; try again later.');
    this.#checkRoom(offer.sizeBytes, this.roomFor(offer));
    const record = { offer, ip, phase: { kind: 'waiting' }, totalBytes: offer.sizeBytes, doneBytes: 0 } as const;
    this.#records.delete(keyOf(offer));
    this.#records.set(keyOf(offer), record);
    return record;
  }

  /**
   * The next one to fetch, which counts as being fetched from now on; `undefined` where none waits or enough are fetched. Of who waits the
   * address has its turn of which least is fetched, so that nobody's offers, which may never come, hold up all others.
   */
  begin(): PushRecord | undefined {
    const fetchingOf = new Map<string, number>();
    let leftCount = this.#options.parallelCount;
    for (const { phase, ip } of this.#records.values()) {
      if (phase.kind !== 'fetching') continue;
      fetchingOf.set(ip, (fetchingOf.get(ip) ?? 0) + 1);
      leftCount -= 1;
    }
    if (leftCount <= 0) return undefined;
    const waiting = [...this.#records.values()].filter(({ phase }) => phase.kind === 'waiting');
    const fewest = Math.min(...waiting.map(({ ip }) => fetchingOf.get(ip) ?? 0));
    const next = waiting.find(({ ip }) => (fetchingOf.get(ip) ?? 0) === fewest);
    if (next !== undefined) next.phase = { kind: 'fetching' };
    return next;
  }

  /** It is known how much it is in all. Throws `LIMIT` where that is more than the room. */
  sized(offer: PushOffer, totalBytes: number): void {
    const record = this.#fetching(offer);
    this.#checkRoom(totalBytes, this.roomFor(offer));
    record.totalBytes = totalBytes;
  }

  progressed(offer: PushOffer, doneBytes: number): void {
    const record = this.#fetching(offer);
    record.doneBytes = Math.min(doneBytes, record.totalBytes);
  }

  ended(offer: PushOffer, outcome: PushOutcome, atMs: number): void {
    const record = this.#fetching(offer);
    if (outcome.kind === 'done') {
      record.phase = { kind: 'done', atMs };
      record.doneBytes = record.totalBytes;
      this.#keptBytes += outcome.addedBytes;
      this.#addedBytes += outcome.addedBytes;
    } else record.phase = { kind: 'failed', atMs, error: outcome.error, leftBytes: leftBytesOf(record) };
    // The latest goes to the end, so that the oldest is forgotten first.
    this.#records.delete(keyOf(offer));
    this.#records.set(keyOf(offer), record);
  }

  /** Forgets one that is over. */
  forget(offer: PushOffer): void {
    const record = this.#records.get(keyOf(offer));
    if (record !== undefined && !isOpen(record)) this.#records.delete(keyOf(offer));
  }

  /** Forgets those that were over for long enough, and the oldest where there are too many; returns them. */
  forgetOld(nowMs: number): PushRecord[] {
    const over = [...this.#records.values()].filter((record) => !isOpen(record));
    const spareCount = over.length - PUSHES_KEPT_MAX_COUNT;
    const old = over.filter(({ phase }, index) => index < spareCount || ('atMs' in phase && nowMs - phase.atMs >= PUSH_KEPT_MS));
    for (const { offer } of old) this.forget(offer);
    return old;
  }

  /** The room where one record took none. */
  #roomBut(but: PushRecord | undefined): number {
    let takenBytes = this.#keptBytes;
    for (const record of this.#records.values()) if (record !== but) takenBytes += chargeOf(record);
    return Math.max(0, this.#options.quotaBytes - takenBytes);
  }

  #fetching(offer: PushOffer): Mutable<PushRecord> {
    const record = this.#records.get(keyOf(offer));
    invariant(record?.phase.kind === 'fetching', 'only what is fetched goes on');
    return record as Mutable<PushRecord>;
  }

  #waitingCount(isCounted: (record: PushRecord) => boolean): number {
    let count = 0;
    for (const record of this.#records.values()) if (record.phase.kind === 'waiting' && isCounted(record)) count += 1;
    return count;
  }

  #checkRoom(neededBytes: number, roomBytes: number): void {
    if (neededBytes <= roomBytes) return;
    const [needed, room] = [formatBytes(neededBytes), formatBytes(roomBytes)];
    throw new ShoalError('LIMIT', 'local', `This peer takes ${room} more in pushes, and this is ${needed}.`);
  }
}

/** The record as it is told to whoever asks. */
export function pushStateOf({ phase, offer, totalBytes, doneBytes }: PushRecord): PushState {
  // A folder of small files has more chunks than its bytes would fill; what is told is how far it is.
  const count = chunkCount(Math.max(totalBytes, offer.sizeBytes));
  const haveChunks = phase.kind === 'done' ? count : Math.min(count, Math.floor((count * doneBytes) / Math.max(1, totalBytes)));
  const common = { state: phase.kind, haveChunks, chunkCount: count };
  return phase.kind === 'failed' ? { ...common, code: phase.error.code, text: tellable(phase.error) } : common;
}

/** Our own messages name folders of this machine, which are nobody else's business. */
function tellable({ code, message }: ShoalError): string {
  switch (code) {
    case 'TARGET_EXISTS':
      return 'Something else has this name there already; push it under another name.';
    case 'DISK_FULL':
      return 'The disk of this peer is full.';
    case 'IO':
    case 'DENIED':
    case 'USAGE':
    case 'INTERNAL':
      return 'This peer cannot write it where it puts what is pushed to it.';
    case 'STOPPED':
    case 'INTERRUPTED':
      return 'This peer was stopped.';
    case 'NETWORK':
      return 'This peer could not get all of it from anybody; see that the port which serves it can be reached, and push it again.';
    default:
      return message;
  }
}

export function isOver({ phase }: PushRecord): boolean {
  return phase.kind === 'done' || phase.kind === 'failed';
}

function isOpen(record: PushRecord): boolean {
  return !isOver(record);
}

/** What of the quota a record takes. */
function chargeOf({ phase, totalBytes }: PushRecord): number {
  if (phase.kind === 'done') return 0;
  return phase.kind === 'failed' ? phase.leftBytes : totalBytes;
}

/** Of a folder its index is there as well; where nothing of a content came, nothing of it stays. */
function leftBytesOf({ offer, totalBytes, doneBytes }: PushRecord): number {
  return doneBytes === 0 || offer.sizeBytes === totalBytes ? doneBytes : doneBytes + offer.sizeBytes;
}

function keyOf({ root, name }: PushOffer): string {
  return `${root} ${name}`;
}
