/**
 * One fetch per target, one node per state: a lock file that names the process that holds it.
 *
 * A lock is stale when the process that it names does not live any more. So a fetch that was killed, or a machine that went down, never
 * has to be cleaned up after: who takes the lock takes away what was left of it.
 */
import { createHash } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import { ShoalError, systemCode } from '../../common/core/errors.js';
import { namesIn, readWholeFile, removeIfThere, withFile } from '../../common/node/disk-work.js';
import type { Disk } from '../../common/ports/disk.js';
import type { Processes } from '../../common/ports/processes.js';

/** Takeovers tried before giving up: each means that another process was faster. */
const TAKEOVERS_MAX_COUNT = 5;
/** Bytes of a lock that are read: what is longer was not written by us. */
const LOCK_MAX_BYTES = 4096;
/** What sharing a folder passes over ends so. */
const SUFFIX = '.shoal-lock';
const KEY_CHARS = 12;
const TAKEOVER = 'takeover';

let takerCount = 0;

export interface LockPorts {
  readonly disk: Pick<Disk, 'open' | 'link' | 'remove' | 'list'>;
  readonly processes: Processes;
}

export class TargetLock {
  readonly #disk: LockPorts['disk'];
  readonly #path: string;
  #isHeld = true;

  private constructor(disk: LockPorts['disk'], path: string) {
    this.#disk = disk;
    this.#path = path;
  }

  /** Takes the lock. Throws `TARGET_EXISTS` while another live process has it, or what `refusal` makes of its id. */
  static async take(ports: LockPorts, path: string, refusal: (id: string) => ShoalError = beingFetched): Promise<TargetLock> {
    const { disk, processes } = ports;
    const { token } = processes;
    takerCount += 1;
    const own = beside(path, `${encodeURIComponent(token)}.${takerCount}`);
    try {
      await writeNew(disk, own, token);
      for (let tries = 0; tries < TAKEOVERS_MAX_COUNT; tries += 1) {
        // A link appears whole or not at all, with the holder's name in it.
        if (await tryLink(ports, own, path)) {
          await sweep(ports, path).catch(() => undefined);
          return new TargetLock(disk, path);
        }
        const holder = await readHolder(disk, path);
        if (holder !== undefined && processes.isAlive(holder)) throw refusal(idOf(holder));
        if (holder !== undefined) await removeStale(ports, own, path);
      }
      const text = `The lock ${path} cannot be taken: another fetch of this is just starting, or it is no lock at all; then delete it.`;
      throw new ShoalError('TARGET_EXISTS', 'local', text);
    } finally {
      // One that stays is in nobody's way, and no reason to keep the lock from who has it.
      await removeIfThere(disk, own).catch(() => undefined);
    }
  }

  /** Idempotent. */
  async release(): Promise<void> {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    await removeIfThere(this.#disk, this.#path);
  }
}

function beingFetched(id: string): ShoalError {
  return new ShoalError(
    'TARGET_EXISTS',
    'local',
    `Process ${id} is fetching this to the same place already; wait for it, or end it.`,
  );
}

/** A name beside a lock, which is no longer where the lock's is as long as a name may be. */
function beside(path: string, what: string): string {
  return join(dirname(path), `.${lockKey(path)}.${what}${SUFFIX}`);
}

/** What the names of a lock's helpers begin with, after a dot. */
export function lockKey(path: string): string {
  return createHash('sha256').update(basename(path)).digest('hex').slice(0, KEY_CHARS);
}

/** Takes away what processes left that died while they took this lock. Only for who has it: nobody takes it over from one who lives. */
async function sweep({ disk, processes }: LockPorts, path: string): Promise<void> {
  const start = `.${lockKey(path)}.`;
  for (const name of await namesIn(disk, dirname(path))) {
    if (!name.startsWith(start) || !name.endsWith(SUFFIX)) continue;
    const left = join(dirname(path), name);
    const [owner = ''] = name.slice(start.length).split('.');
    const token = owner === TAKEOVER ? await readHolder(disk, left) : decodeURIComponent(owner);
    if (token !== undefined && !processes.isAlive(token)) await removeIfThere(disk, left);
  }
}

/** What people know a process by. */
function idOf(token: string): string {
  return token.split(' ')[0] ?? '';
}

/**
 * Takes a stale lock away. Only who has the takeover lock may, and looks again before: or else the second of two who saw the same
 * stale lock would take away the fresh one of the first.
 */
async function removeStale(ports: LockPorts, own: string, path: string): Promise<void> {
  const { disk, processes } = ports;
  const takeover = beside(path, TAKEOVER);
  if (!(await tryLink(ports, own, takeover))) {
    // Left by one who was killed within these few lines.
    const other = await readHolder(disk, takeover);
    if (other !== undefined && !processes.isAlive(other)) await removeIfThere(disk, takeover);
    return;
  }
  try {
    const holder = await readHolder(disk, path);
    if (holder !== undefined && !processes.isAlive(holder)) await removeIfThere(disk, path);
  } finally {
    await removeIfThere(disk, takeover);
  }
}

/** What a lock says; `undefined` where there is none. */
async function readHolder(disk: LockPorts['disk'], path: string): Promise<string | undefined> {
  const bytes = await readWholeFile(disk, path, LOCK_MAX_BYTES).catch(() => undefined);
  return bytes === undefined ? undefined : Buffer.from(bytes).toString('utf8');
}

async function tryLink({ disk, processes }: LockPorts, own: string, path: string): Promise<boolean> {
  try {
    await disk.link(own, path);
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    if (systemCode(error) !== 'EPERM' && systemCode(error) !== 'ENOTSUP' && systemCode(error) !== 'ENOSYS') throw error;
  }
  // A file system without hard links: an exclusive create is the next best.
  try {
    await writeNew(disk, path, processes.token);
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    throw error;
  }
}

function writeNew(disk: LockPorts['disk'], path: string, token: string): Promise<void> {
  return withFile(disk, path, 'create-new', (file) => file.write(Buffer.from(token), 0));
}
