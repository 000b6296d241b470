/**
 * The resume journal: what a fetch has verified and synced, beside its part file.
 *
 *     head "SHOALJN" 1, then frames (common/core/record-log.ts), each a msgpack map:
 *     {k: "fetch", root, size, name}          first; which content this is
 *     {k: "hashes", file, hash, hashes}       chunk hashes of one file, so that a resume needs no manifest
 *     {k: "have", runs: [[first, count], …]}  units that were on disk, synced, before this was written
 *
 * It is a claim, not a proof: a resume hashes what it says. Without it, or where it is torn, the part file is hashed instead.
 * Invariant: a unit is in it only after the data was synced; the journal itself is synced before anything is told to anybody.
 */
import { Bitfield } from '../../common/core/bitfield.js';
import { type HashName, isHashName } from '../../common/core/hash.js';
import { isSize } from '../../common/core/manifest.js';
import { decodeFrames, encodeFrame, encodeLogHead, hasLogHead, LOG_HEAD_BYTES } from '../../common/core/record-log.js';
import { readWholeFile, removeIfThere } from '../../common/node/disk-work.js';
import { hashFunction } from '../../common/node/hash.js';
import type { Disk, DiskFile } from '../../common/ports/disk.js';
import { packMsgpack, unpackMsgpack } from '../../common/wire/msgpack.js';

const MAGIC = 'SHOALJN';
const VERSION = 1;
/** Bytes of a journal that is read at a resume: a larger one is not ours. */
const JOURNAL_MAX_BYTES = 2 ** 30;

export interface JournalHead {
  /** Root, or `-`. */
  readonly root: string;
  readonly sizeBytes: number;
  readonly name: string;
}

export interface KnownHashes {
  readonly hashName: HashName;
  readonly hashes: Uint8Array;
}

/** What a journal says. */
export interface JournalState {
  readonly head: JournalHead;
  /** By index of the file in the catalog. */
  readonly hashes: ReadonlyMap<number, KnownHashes>;
  readonly runs: readonly (readonly [first: number, count: number])[];
  /** Where the good part ends. */
  readonly goodBytes: number;
}

const blake3 = hashFunction('blake3');

/** Reads a journal; `undefined` where there is none, or none that makes sense. Never throws for what is in it. */
export async function readJournal(disk: Pick<Disk, 'open'>, path: string): Promise<JournalState | undefined> {
  const bytes = await readWholeFile(disk, path, JOURNAL_MAX_BYTES).catch(() => undefined);
  return bytes === undefined ? undefined : decodeJournal(bytes);
}

/** The pure half of `readJournal`. */
export function decodeJournal(bytes: Uint8Array): JournalState | undefined {
  if (!hasLogHead(bytes, MAGIC, VERSION)) return undefined;
  let head: JournalHead | undefined;
  const hashes = new Map<number, KnownHashes>();
  const runs: [number, number][] = [];
  const goodBytes = decodeFrames(bytes.subarray(LOG_HEAD_BYTES), blake3, (payload) => {
    const record = decodeRecord(payload);
    const kind: unknown = record?.get('k');
    if (kind === 'fetch') head ??= headOf(record);
    else if (kind === 'hashes') noteHashes(record, hashes);
    else if (kind === 'have') noteRuns(record, runs);
  });
  return head === undefined ? undefined : { head, hashes, runs, goodBytes: LOG_HEAD_BYTES + goodBytes };
}

/** The units that a journal claims; none where there is no journal. */
export function claimedUnits(state: JournalState | undefined, unitCount: number): Bitfield {
  const claimed = new Bitfield(unitCount);
  for (const [first, count] of state?.runs ?? []) claimed.addRun(first, count);
  return claimed;
}

type Raw = ReadonlyMap<unknown, unknown>;

function decodeRecord(payload: Uint8Array): Raw | undefined {
  try {
    const raw = unpackMsgpack(payload);
    return raw instanceof Map ? raw : undefined;
  } catch {
    // A record that checks but does not decode was written by a later version: what it says is not needed.
    return undefined;
  }
}

function headOf(raw: Raw | undefined): JournalHead | undefined {
  const [root, size, name] = ['root', 'size', 'name'].map((key) => raw?.get(key));
  return typeof root === 'string' && isSize(size) && typeof name === 'string' ? { root, sizeBytes: size, name } : undefined;
}

function noteHashes(raw: Raw | undefined, into: Map<number, KnownHashes>): void {
  const [file, hash, hashes] = ['file', 'hash', 'hashes'].map((key) => raw?.get(key));
  if (isSize(file) && isHashName(hash) && hashes instanceof Uint8Array) {
    into.set(file, { hashName: hash, hashes: Uint8Array.from(hashes) });
  }
}

function noteRuns(raw: Raw | undefined, into: [number, number][]): void {
  const runs: unknown = raw?.get('runs');
  if (!Array.isArray(runs)) return;
  for (const run of runs) {
    if (Array.isArray(run) && Number.isSafeInteger(run[0]) && Number.isSafeInteger(run[1]) && run[0] >= 0 && run[1] > 0) {
      into.push([run[0], run[1]]);
    }
  }
}

export class Journal {
  readonly #file: DiskFile;
  /** Where the next record goes: half a record that a full disk left is written over. */
  #endBytes: number;
  #closing: Promise<void> | undefined;

  private constructor(file: DiskFile, endBytes: number) {
    this.#file = file;
    this.#endBytes = endBytes;
  }

  /** Starts a new journal; an old one under this path is replaced. */
  static async create(disk: Pick<Disk, 'open' | 'remove'>, path: string, head: JournalHead): Promise<Journal> {
    // Whatever else has this name, a link or a FIFO, is taken away and not written to.
    await removeIfThere(disk, path);
    const file = await disk.open(path, 'create-new', 0o644);
    const record = encodeRecord({ k: 'fetch', root: head.root, size: head.sizeBytes, name: head.name });
    const first = Buffer.concat([encodeLogHead(MAGIC, VERSION), record]);
    return orClose(file, async () => {
      await file.write(first, 0);
      await file.sync();
      return new Journal(file, first.length);
    });
  }

  /** Goes on with a journal that was read; what is torn at its end is cut off. */
  static async reopen(disk: Pick<Disk, 'open'>, path: string, state: JournalState): Promise<Journal> {
    const file = await disk.open(path, 'write');
    return orClose(file, async () => {
      await file.truncate(state.goodBytes);
      return new Journal(file, state.goodBytes);
    });
  }

  /** Keeps the chunk hashes of a file; they count once a later `have` was synced. */
  async keepHashes(fileIndex: number, known: KnownHashes): Promise<void> {
    await this.#append({ k: 'hashes', file: fileIndex, hash: known.hashName, hashes: known.hashes });
  }

  /** Claims units whose data was synced, and syncs the claim. Where that fails, half a record is taken back. */
  async have(runs: readonly (readonly [number, number])[]): Promise<void> {
    await this.#append({ k: 'have', runs }, () => this.#file.sync());
  }

  close(): Promise<void> {
    this.#closing ??= this.#file.close();
    return this.#closing;
  }

  async #append(record: Record<string, unknown>, finish = async () => {}): Promise<void> {
    const bytes = encodeRecord(record);
    try {
      await this.#file.write(bytes, this.#endBytes);
      await finish();
      this.#endBytes += bytes.length;
    } catch (error) {
      // What comes after a torn record could not be read.
      await this.#file.truncate(this.#endBytes).catch(() => undefined);
      throw error;
    }
  }
}

/** What `prepare` makes of a file; closes it where that fails. */
async function orClose(file: DiskFile, prepare: () => Promise<Journal>): Promise<Journal> {
  try {
    return await prepare();
  } catch (error) {
    await file.close();
    throw error;
  }
}

function encodeRecord(record: Record<string, unknown>): Uint8Array {
  return encodeFrame(packMsgpack(record), blake3);
}
