/**
 * Replaces a file as a whole: whoever reads it, whenever the machine stops, finds the old text or the new, never a part and never nothing.
 *
 * Order: a file beside it, its data synced, then the name, then the folder that holds the name.
 */
import { open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

const SUFFIX = '.new';

/** Writes `text` to `path`, readable by its user alone. One write of a path at a time. Throws as the file system does; then the old text stays. */
export async function writeFileAtomic(path: string, text: string): Promise<void> {
  const fresh = `${path}.${process.pid}${SUFFIX}`;
  try {
    const handle = await open(fresh, 'w', 0o600);
    try {
      // It goes on after a short write, as at a full disk; half a text must not get the name.
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(fresh, path);
  } catch (error) {
    await rm(fresh, { force: true });
    throw error;
  }
  if (process.platform !== 'win32') await syncName(dirname(path));
}

/** Removes what writers of `path` left that were killed. Only while nobody writes it. */
export async function removeLeftovers(path: string): Promise<void> {
  const names = await readdir(dirname(path)).catch(() => []);
  const isLeft = (name: string) => name.startsWith(`${basename(path)}.`) && name.endsWith(SUFFIX);
  for (const name of names.filter(isLeft)) await rm(join(dirname(path), name), { force: true });
}

async function syncName(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  await handle.sync().finally(() => handle.close());
}
