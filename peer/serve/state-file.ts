/**
 * The one file that a peer that stays writes of its own accord: `state.json` in the user's state folder, replaced as a whole.
 * What cannot be read is set aside under another name, so that the next write does not destroy it, and the peer begins anew.
 */
import { dirname, join } from 'node:path';
import { asShoalError, ShoalError, systemCode } from '../../common/core/errors.js';
import { STATE_FILE_MAX_BYTES } from '../../common/core/limits.js';
import { removeLeftovers, writeFileAtomic } from '../../common/node/atomic-write.js';
import { makeFolders, namesIn, readWholeFile } from '../../common/node/disk-work.js';
import type { Disk } from '../../common/ports/disk.js';
import type { StoragePorts } from '../storage-ports.js';
import { emptyState, formatState, parseState, type ServeState } from './state-format.js';

const STATE_NAME = 'state.json';
const DAMAGED_NAME = 'state.damaged';

type StateFilePorts = Pick<StoragePorts, 'disk' | 'processes'>;

export class StateFile {
  readonly #ports: StateFilePorts;
  readonly #path: string;
  #writing: Promise<void> = Promise.resolve();

  private constructor(ports: StateFilePorts, path: string) {
    this.#ports = ports;
    this.#path = path;
  }

  /**
   * Opens the state of a folder, which is made where it is missing; only while no other process has it. `note` is told where a damaged
   * file was set aside. Throws `DENIED` or `IO` where the folder cannot be used.
   */
  static async open(
    ports: StateFilePorts,
    folder: string,
    options: { readonly nowMs: number; readonly note: (text: string) => void },
  ): Promise<{ readonly file: StateFile; readonly state: ServeState }> {
    const { disk } = ports;
    const path = join(folder, STATE_NAME);
    const made = await makeFolders(disk, folder, 0o700).catch((error: unknown) => refuse(folder, error));
    // What is saved in a folder lasts no longer than the folder's own name.
    for (const one of made) await disk.syncFolder(dirname(one)).catch((error: unknown) => refuse(one, error));
    await removeLeftovers(ports, path);
    const file = new StateFile(ports, path);
    const found = await readState(disk, path);
    if (found.kind === 'state') return { file, state: found.state };
    if (found.kind === 'damaged') {
      const aside = await freeName(disk, folder);
      await disk.rename(path, aside).catch((error: unknown) => refuse(path, error));
      options.note(`${path} is damaged, or of another version; it is ${aside} now, and what was kept has to be shared anew.`);
    }
    return { file, state: emptyState(options.nowMs) };
  }

  /** What a folder's state says, without touching it; `undefined` where there is none that can be read. */
  static async read(disk: Disk, folder: string): Promise<ServeState | undefined> {
    const found = await readState(disk, join(folder, STATE_NAME));
    return found.kind === 'state' ? found.state : undefined;
  }

  /** Resolves when the state is on disk. Throws `DISK_FULL`, `DENIED` or `IO`; then the former state is. */
  save(state: ServeState): Promise<void> {
    const write = () =>
      writeFileAtomic(this.#ports, this.#path, formatState(state)).catch((error: unknown) => refuse(this.#path, error));
    const written = this.#writing.then(write);
    this.#writing = written.catch(() => undefined);
    return written;
  }
}

/** Where a damaged state goes: what was set aside before may be all that there is of what a person shared. */
async function freeName(disk: Disk, folder: string): Promise<string> {
  const taken = new Set(await namesIn(disk, folder).catch((error: unknown) => refuse(folder, error)));
  for (let number = 1; ; number += 1) {
    const name = number === 1 ? `${DAMAGED_NAME}.json` : `${DAMAGED_NAME}.${number}.json`;
    if (!taken.has(name)) return join(folder, name);
  }
}

type Found = { readonly kind: 'state'; readonly state: ServeState } | { readonly kind: 'absent' | 'damaged' };

async function readState(disk: Disk, given: string): Promise<Found> {
  try {
    const path = await disk.realpath(given);
    if ((await disk.lstat(path)).kind !== 'file') throw new ShoalError('IO', 'environment', 'it is no file');
    const bytes = await readWholeFile(disk, path, STATE_FILE_MAX_BYTES);
    const state = bytes === undefined ? undefined : parseState(Buffer.from(bytes).toString());
    return state === undefined ? { kind: 'damaged' } : { kind: 'state', state };
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return { kind: 'absent' };
    return refuse(given, error);
  }
}

function refuse(path: string, error: unknown): never {
  const { code, message } = asShoalError(error);
  throw new ShoalError(code, 'environment', `The state of the peer cannot be kept in ${path}: ${message}.`, error);
}
