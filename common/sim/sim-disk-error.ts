/** Errors of a simulated disk, as Node gives those of the system: with code, call and path, and Linux's words. */

const TEXTS = {
  EACCES: 'permission denied',
  EBADF: 'bad file descriptor',
  EBUSY: 'resource busy or locked',
  EEXIST: 'file already exists',
  EFBIG: 'file too large',
  EINVAL: 'invalid argument',
  EIO: 'i/o error',
  EISDIR: 'illegal operation on a directory',
  ELOOP: 'too many symbolic links encountered',
  EMFILE: 'too many open files',
  ENAMETOOLONG: 'name too long',
  ENOENT: 'no such file or directory',
  ENOSPC: 'no space left on device',
  ENOTDIR: 'not a directory',
  ENOTEMPTY: 'directory not empty',
  EPERM: 'operation not permitted',
  EROFS: 'read-only file system',
} as const;

export type DiskErrorCode = keyof typeof TEXTS;

/** The error of `call` on `path`. */
export function systemError(code: DiskErrorCode, call: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${TEXTS[code]}, ${call} '${path}'`), { code, syscall: call, path });
}
