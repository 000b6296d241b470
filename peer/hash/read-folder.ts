/** Decodes the bytes of a folder's index, on a worker, since it takes long for a large one. */
import { asShoalError } from '../../common/core/errors.js';
import { folderFromRaw } from '../../common/core/folder-index.js';
import { unpackMsgpack } from '../../common/wire/msgpack.js';
import { toColumns } from './folder-columns.js';
import type { FolderResult } from './worker-task.js';

/** The files of a folder, or why the bytes are not its index. */
export function readFolder(bytes: Uint8Array): FolderResult {
  try {
    return { kind: 'folder', columns: toColumns(folderFromRaw(unpackMsgpack(bytes))) };
  } catch (error) {
    // An error class does not survive the way to another thread.
    const { code, message } = asShoalError(error);
    return { kind: 'bad', code, message };
  }
}
