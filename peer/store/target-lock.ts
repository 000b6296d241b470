/**
 * One fetch per target, one node per state: a lock file that names the process that holds it.
 *
 * A lock is stale when no process has its id, when the one that has it has ended and only its parent does not know yet, or when it
 * started at another time (Linux tells; elsewhere the id decides). So a fetch that was killed, or a machine that went down, never has to be cleaned up after.
 */
import { readFileSync } from 'node:fs';
import { link, open, readFile, rm, writeFile } from 'node:fs/promises';
import { ShoalError, systemCode } from '../../common/core/errors.js';

/** Takeovers tried before giving up: each means that another process was faster. */
const TAKEOVERS_MAX_COUNT = 5;

/** Where the start time, in the kernel's ticks, stands among `processFields`. */
const START_TIME_AT = 19;

let takerCount = 0;

export class TargetLock {
  readonly #path: string;
  #isHeld = true;

  private constructor(path: string) {
    this.#path = path;
  }

  /** Takes the lock. Throws `TARGET_EXISTS` while another live process has it, or what `refusal` makes of its id. */
  static async take(path: string, refusal: (pid: string) => ShoalError = beingFetched): Promise<TargetLock> {
    takerCount += 1;
    const own = `${path}.${process.pid}.${takerCount}`;
    try {
      await writeFile(own, ownToken());
      for (let tries = 0; tries < TAKEOVERS_MAX_COUNT; tries += 1) {
        // A link appears whole or not at all, with the holder's name in it.
        if (await tryLink(own, path)) return new TargetLock(path);
        const holder = await readHolder(path);
        if (holder !== undefined && isAlive(holder)) throw refusal(holder.split(' ')[0] ?? '');
        if (holder !== undefined) await removeStale(own, path);
      }
      throw new ShoalError('TARGET_EXISTS', 'local', `The lock ${path} cannot be taken; is another fetch of this just starting?`);
    } finally {
      await rm(own, { force: true });
    }
  }

  /** Idempotent. */
  async release(): Promise<void> {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    await rm(this.#path, { force: true });
  }
}

function beingFetched(pid: string): ShoalError {
  return new ShoalError('TARGET_EXISTS', 'local', `Process ${pid} is fetching this already; wait for it, or end it.`);
}

/**
 * Takes a stale lock away. Only who has the takeover lock may, and looks again before: or else the second of two who saw the same
 * stale lock would take away the fresh one of the first.
 */
async function removeStale(own: string, path: string): Promise<void> {
  const takeover = `${path}.takeover`;
  if (!(await tryLink(own, takeover))) {
    // Left by one who was killed within these few lines.
    const other = await readHolder(takeover);
    if (other !== undefined && !isAlive(other)) await rm(takeover, { force: true });
    return;
  }
  try {
    const holder = await readHolder(path);
    if (holder !== undefined && !isAlive(holder)) await rm(path, { force: true });
  } finally {
    await rm(takeover, { force: true });
  }
}

/** What a lock says; `undefined` where there is none. */
function readHolder(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(() => undefined);
}

async function tryLink(own: string, path: string): Promise<boolean> {
  try {
    await link(own, path);
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    if (systemCode(error) !== 'EPERM' && systemCode(error) !== 'ENOTSUP' && systemCode(error) !== 'ENOSYS') throw error;
  }
  // A file system without hard links: an exclusive create is the next best.
  try {
    const handle = await open(path, 'wx');
    await handle.writeFile(ownToken());
    await handle.close();
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    throw error;
  }
}

function ownToken(): string {
  return `${process.pid} ${startTime(process.pid) ?? '?'}`;
}

function isAlive(token: string): boolean {
  const [id = '', started = ''] = token.split(' ');
  const pid = Number(id);
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (systemCode(error) === 'ESRCH') return false;
  }
  const fields = processFields(pid);
  // Killed, but its parent has not asked how it ended: some containers have nobody who ever does.
  if (fields[0] === 'Z' || fields[0] === 'X') return false;
  const now = fields[START_TIME_AT];
  return now === undefined || started === '?' || now === started;
}

function startTime(pid: number): string | undefined {
  return processFields(pid)[START_TIME_AT];
}

/** What the kernel tells of a process, from its state letter on; empty where the system does not tell. */
function processFields(pid: number): readonly string[] {
  try {
    // The name in parentheses may hold spaces.
    return readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)?.split(' ') ?? [];
  } catch {
    return [];
  }
}
