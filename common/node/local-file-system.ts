/**
 * Whether looking at an open file can wait for anything but this machine. On a local file system its state lies in memory, and a look is a
 * matter of microseconds; on one that a server or another program answers for, it may take for ever.
 */
import { statfs } from 'node:fs/promises';

/** What Linux calls the file systems that it keeps on its own disks or in memory (statfs(2)): ext, tmpfs, XFS, Btrfs, F2FS, ZFS, overlay. */
const LOCAL_TYPES: ReadonlySet<number> = new Set([
  0xef53, 0x01021994, 0x58465342, 0x9123683e, 0xf2f52010, 0x2fc12fc1, 0x794c7630,
]);

/** False where the file system is not known to be local, also where it cannot be told. */
export async function isOnLocalFileSystem(path: string): Promise<boolean> {
  if (process.platform !== 'linux') return false;
  const type = await statfs(path).then(
    (found) => found.type,
    () => undefined,
  );
  // Some machines give it as a signed number.
  return type !== undefined && LOCAL_TYPES.has(type >>> 0);
}
