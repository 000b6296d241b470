/** What the system says of a process and allows to it. From `/proc`; NaN where there is none. */
import { readFileSync } from 'node:fs';

/** Files that this process and the tracker have open for themselves. */
const OWN_FILES_COUNT = 200;

function statusBytes(processId: number | undefined, key: string): number {
  try {
    const found = new RegExp(`^${key}:\\s*([0-9]+) kB$`, 'm').exec(readFileSync(`/proc/${processId}/status`, 'utf8'));
    return Number(found?.[1]) * 1024;
  } catch {
    return Number.NaN;
  }
}

/** Bytes of memory that a process has now. */
export function residentBytes(processId: number | undefined): number {
  return statusBytes(processId, 'VmRSS');
}

/** Bytes of memory that it had at most. */
export function peakBytes(processId: number | undefined): number {
  return statusBytes(processId, 'VmHWM');
}

/** Files and sockets that this process, and those that it starts, may have open; NaN where that is not told. */
export function openFilesMaxCount(): number {
  try {
    return Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]);
  } catch {
    return Number.NaN;
  }
}

/** How many connections are possible here, at most `wantedCount`, and what to do for all of them. */
export function possibleConnections(wantedCount: number, filesMaxCount: number): { count: number; advice: string | undefined } {
  const count = Math.max(0, Math.min(wantedCount, filesMaxCount - OWN_FILES_COUNT));
  if (!(count < wantedCount)) return { count: wantedCount, advice: undefined };
  const advice = `Only ${count} of ${wantedCount} connections: a process may have ${filesMaxCount} files open here. First: ulimit -n ${wantedCount + OWN_FILES_COUNT}`;
  return { count, advice };
}
