/**
 * The real processes: an id, and on Linux the time at which the process started, so that an id which is used again is told apart.
 * One that has ended and only its parent does not know yet does not live.
 */
import { readFileSync } from 'node:fs';
import { systemCode } from '../core/errors.js';
import type { Processes } from '../ports/processes.js';

/** Where the start time, in the kernel's ticks, stands among `processFields`. */
const START_TIME_AT = 19;

export const realProcesses: Processes = {
  get token() {
    return `${process.pid} ${processFields(process.pid)[START_TIME_AT] ?? '?'}`;
  },
  isAlive(token) {
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
  },
};

/** What the kernel tells of a process, from its state letter on; empty where the system does not tell. */
function processFields(pid: number): readonly string[] {
  try {
    // The name in parentheses may hold spaces.
    return readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)?.split(' ') ?? [];
  } catch {
    return [];
  }
}
