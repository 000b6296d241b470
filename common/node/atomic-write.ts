/**
 * Replaces a file as a whole: whoever reads it, whenever the machine stops, finds the old text or the new, never a part and never nothing.
 *
 * Order: a file beside it, its data synced, then the name, then the folder that holds the name.
 */
import { basename, dirname, join } from 'node:path';
import type { Disk } from '../ports/disk.js';
import type { Processes } from '../ports/processes.js';
import { namesIn, removeIfThere } from './disk-work.js';

const SUFFIX = '.new';
/** Readable by its user alone. */
const MODE = 0o600;

export interface AtomicWritePorts {
  readonly disk: Pick<Disk, 'open' | 'list' | 'rename' | 'remove' | 'syncFolder'>;
  readonly processes: Pick<Processes, 'token'>;
}

export interface LeftoverPorts {
  readonly disk: Pick<Disk, 'list' | 'remove'>;
  readonly processes: Pick<Processes, 'isAlive'>;
}

/** The name beside `path` under which this process, and no other, makes what comes in its place. */
export function freshName(processes: AtomicWritePorts['processes'], path: string): string {
  return `${path}.${encodeURIComponent(processes.token)}${SUFFIX}`;
}

/** Writes `text` to `path`, readable by its user alone. One write of a path at a time. Throws as the file system does; then the old text stays. */
export async function writeFileAtomic({ disk, processes }: AtomicWritePorts, path: string, text: string): Promise<void> {
  const fresh = freshName(processes, path);
  try {
    // Of a process that had this number before.
    await removeIfThere(disk, fresh);
    const file = await disk.open(fresh, 'create-new', MODE);
    try {
      await file.write(Buffer.from(text), 0);
      await file.sync();
    } finally {
      await file.close();
    }
    await disk.rename(fresh, path);
  } catch (error) {
    await removeIfThere(disk, fresh).catch(() => undefined);
    throw error;
  }
  await disk.syncFolder(dirname(path));
}

/** Removes what writers of `path` left that were killed; what those write that live is left alone. */
export async function removeLeftovers({ disk, processes }: LeftoverPorts, path: string): Promise<void> {
  const start = `${basename(path)}.`;
  for (const name of await namesIn(disk, dirname(path)).catch(() => [])) {
    if (!name.startsWith(start) || !name.endsWith(SUFFIX)) continue;
    const token = decodedOf(name.slice(start.length, -SUFFIX.length));
    if (!processes.isAlive(token)) await removeIfThere(disk, join(dirname(path), name));
  }
}

/** What is no encoded token names no process. */
function decodedOf(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}
