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

/** The name beside `path` under which this process, and no other, makes what comes in its place. */
export function freshName(processes: AtomicWritePorts['processes'], path: string): string {
  return `${path}.${processes.token.split(' ')[0]}${SUFFIX}`;
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

/** Removes what writers of `path` left that were killed. Only while nobody writes it. */
export async function removeLeftovers(disk: Pick<Disk, 'list' | 'remove'>, path: string): Promise<void> {
  const isLeft = (name: string) => name.startsWith(`${basename(path)}.`) && name.endsWith(SUFFIX);
  for (const name of (await namesIn(disk, dirname(path)).catch(() => [])).filter(isLeft)) {
    await removeIfThere(disk, join(dirname(path), name));
  }
}
