/** What a failed call to the operating system means for a person: which file, what happened, what to do. */
import { ShoalError, systemCode } from '../../common/core/errors.js';

/** Any error of a file operation on `path` as a `ShoalError`: `DISK_FULL`, `DENIED`, `TARGET_EXISTS` or `IO`. */
export function diskError(error: unknown, path: string): ShoalError {
  if (error instanceof ShoalError) return error;
  return diskErrorOfCode(systemCode(error) ?? '', path, error instanceof Error ? error.message : String(error), error);
}

/** The same for an error that a worker sent as code and message. */
export function diskErrorOfCode(code: string, path: string, message: string, cause?: unknown): ShoalError {
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new ShoalError(
        'DISK_FULL',
        'environment',
        `No space left for ${path}. What is verified is kept: free some space and run the same command again.`,
        cause,
      );
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new ShoalError(
        'DENIED',
        'environment',
        `Not allowed to write ${path}; check its permissions, or choose another place.`,
        cause,
      );
    case 'ELOOP':
      return new ShoalError(
        'TARGET_EXISTS',
        'environment',
        `${path} is a symbolic link, which is never followed; move it elsewhere.`,
        cause,
      );
    case 'EEXIST':
    case 'EISDIR':
    case 'ENOTDIR':
      return new ShoalError(
        'TARGET_EXISTS',
        'environment',
        `${path} is in the way: a file and a folder cannot have one name.`,
        cause,
      );
    case 'ENAMETOOLONG':
      return new ShoalError(
        'USAGE',
        'environment',
        `The name ${path} is too long for this file system; choose another one.`,
        cause,
      );
    case 'EFBIG':
      return new ShoalError('IO', 'environment', `${path} is larger than this file system allows; choose another --out.`, cause);
    default:
      return new ShoalError('IO', 'environment', `Cannot write ${path}: ${message}.`, cause);
  }
}
