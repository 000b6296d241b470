/**
 * The one file that a peer that stays writes of its own accord: `state.json` in the user's state folder, replaced as a whole.
 * What cannot be read is set aside under another name, so that the next write does not destroy it, and the peer begins anew.
 */
import { mkdir, readdir, readFile, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { asShoalError, ShoalError, systemCode } from '../../common/core/errors.js';
import { STATE_FILE_MAX_BYTES } from '../../common/core/limits.js';
import { removeLeftovers, writeFileAtomic } from '../../common/node/atomic-write.js';
import { emptyState, formatState, parseState, type ServeState } from './state-format.js';

const STATE_NAME = 'state.json';
const DAMAGED_NAME = 'state.damaged';

export class StateFile {
  readonly #path: string;
  #writing: Promise<void> = Promise.resolve();

  private constructor(path: string) {
    this.#path = path;
  }

  /**
   * Opens the state of a folder, which is made where it is missing; only while no other process has it. `note` is told where a damaged
   * file was set aside. Throws `DENIED` or `IO` where the folder cannot be used.
   */
  static async open(
    folder: string,
    options: { readonly nowMs: number; readonly note: (text: string) => void },
  ): Promise<{ readonly file: StateFile; readonly state: ServeState }> {
    const path = join(folder, STATE_NAME);
    await mkdir(folder, { recursive: true, mode: 0o700 }).catch((error: unknown) => refuse(folder, error));
    await removeLeftovers(path);
    const file = new StateFile(path);
    const found = await readState(path);
    if (found.kind === 'state') return { file, state: found.state };
    if (found.kind === 'damaged') {
      const aside = await freeName(folder);
      await rename(path, aside).catch((error: unknown) => refuse(path, error));
      options.note(`${path} is damaged, or of another version; it is ${aside} now, and what was kept has to be shared anew.`);
    }
    return { file, state: emptyState(options.nowMs) };
  }

  /** What a folder's state says, without touching it; `undefined` where there is none that can be read. */
  static async read(folder: string): Promise<ServeState | undefined> {
    const found = await readState(join(folder, STATE_NAME));
    return found.kind === 'state' ? found.state : undefined;
  }

  /** Resolves when the state is on disk. Throws `DISK_FULL`, `DENIED` or `IO`; then the former state is. */
  save(state: ServeState): Promise<void> {
    const write = () => writeFileAtomic(this.#path, formatState(state)).catch((error: unknown) => refuse(this.#path, error));
    const written = this.#writing.then(write);
    this.#writing = written.catch(() => undefined);
    return written;
  }
}

/** Where a damaged state goes: what was set aside before may be all that there is of what a person shared. */
async function freeName(folder: string): Promise<string> {
  const taken = new Set(await readdir(folder).catch((error: unknown) => refuse(folder, error)));
  for (let number = 1; ; number += 1) {
    const name = number === 1 ? `${DAMAGED_NAME}.json` : `${DAMAGED_NAME}.${number}.json`;
    if (!taken.has(name)) return join(folder, name);
  }
}

type Found = { readonly kind: 'state'; readonly state: ServeState } | { readonly kind: 'absent' | 'damaged' };

async function readState(path: string): Promise<Found> {
  try {
    const stats = await stat(path);
    // A pipe would be waited for without end.
    if (!stats.isFile()) throw new ShoalError('IO', 'environment', 'it is no file');
    const { size } = stats;
    const state = size > STATE_FILE_MAX_BYTES ? undefined : parseState(await readFile(path, 'utf8'));
    return state === undefined ? { kind: 'damaged' } : { kind: 'state', state };
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return { kind: 'absent' };
    return refuse(path, error);
  }
}

function refuse(path: string, error: unknown): never {
  const { code, message } = asShoalError(error);
  throw new ShoalError(code, 'environment', `The state of the peer cannot be kept in ${path}: ${message}.`, error);
}
