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
import { constants } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { type HashName, isHashName } from '../../common/core/hash.js';
import { decodeFrames, encodeFrame, encodeLogHead, hasLogHead, LOG_HEAD_BYTES } from '../../common/core/record-log.js';
import { hashFunction } from '../../common/node/hash.js';
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
export async function readJournal(path: string): Promise<JournalState | undefined> {
  let bytes: Buffer;
  try {
    // O_NONBLOCK: a FIFO in its place must not hang us.
    const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const stats = await handle.stat();
      if (!stats.isFile() || stats.size > JOURNAL_MAX_BYTES) return undefined;
      bytes = await handle.readFile();
    } finally {
      await handle.close();
    }
  } catch {
    return undefined;
  }
  return decodeJournal(bytes);
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
  return typeof root === 'string' && typeof size === 'number' && typeof name === 'string'
    ? { root, sizeBytes: size, name }
    : undefined;
}

function noteHashes(raw: Raw | undefined, into: Map<number, KnownHashes>): void {
  const [file, hash, hashes] = ['file', 'hash', 'hashes'].map((key) => raw?.get(key));
  if (typeof file === 'number' && isHashName(hash) && hashes instanceof Uint8Array) {
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
  readonly #handle: FileHandle;
  #closing: Promise<void> | undefined;

  private constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  /** Starts a new journal; an old one under this path is replaced. */
  static async create(path: string, head: JournalHead): Promise<Journal> {
    // Whatever else has this name, a link or a FIFO, is taken away and not written to.
    await rm(path, { force: true });
    const handle = await open(path, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_APPEND, 0o644);
    const first = encodeRecord({ k: 'fetch', root: head.root, size: head.sizeBytes, name: head.name });
    return orClose(handle, async () => {
      await handle.appendFile(Buffer.concat([encodeLogHead(MAGIC, VERSION), first]));
      await handle.datasync();
    });
  }

  /** Goes on with a journal that was read; what is torn at its end is cut off. */
  static async reopen(path: string, state: JournalState): Promise<Journal> {
    const handle = await open(path, constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW);
    return orClose(handle, () => handle.truncate(state.goodBytes));
  }

  /** Takes over a handle that is ready to be appended to. */
  static on(handle: FileHandle): Journal {
    return new Journal(handle);
  }

  /** Keeps the chunk hashes of a file; they count once a later `have` was synced. */
  async keepHashes(fileIndex: number, known: KnownHashes): Promise<void> {
    await this.#handle.appendFile(encodeRecord({ k: 'hashes', file: fileIndex, hash: known.hashName, hashes: known.hashes }));
  }

  /** Claims units whose data was synced, and syncs the claim. Where that fails, half a record is taken back. */
  async have(runs: readonly (readonly [number, number])[]): Promise<void> {
    const { size } = await this.#handle.stat();
    try {
      await this.#handle.appendFile(encodeRecord({ k: 'have', runs }));
    } catch (error) {
      // What comes after a torn record could not be read.
      await this.#handle.truncate(size).catch(() => undefined);
      throw error;
    }
    await this.#handle.datasync();
  }

  close(): Promise<void> {
    this.#closing ??= this.#handle.close();
    return this.#closing;
  }
}

/** The journal on `handle` when `prepare` is done; closes it where that fails. */
async function orClose(handle: FileHandle, prepare: () => Promise<void>): Promise<Journal> {
  try {
    await prepare();
    return Journal.on(handle);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function encodeRecord(record: Record<string, unknown>): Uint8Array {
  return encodeFrame(packMsgpack(record), blake3);
}
