/** What tells one state of a file from another without reading it: where it is on disk, its size, and when it was last written. */
import type { FileStatus } from '../../common/ports/disk.js';

export type FileIdentity = Pick<FileStatus, 'dev' | 'ino' | 'sizeBytes' | 'mtimeNs'>;

/** The identity alone: what is kept, or goes to another thread. */
export function identityOf({ dev, ino, sizeBytes, mtimeNs }: FileIdentity): FileIdentity {
  return { dev, ino, sizeBytes, mtimeNs };
}

export function sameIdentity(left: FileIdentity, right: FileIdentity): boolean {
  return left.ino === right.ino && left.mtimeNs === right.mtimeNs && left.sizeBytes === right.sizeBytes && left.dev === right.dev;
}
