/** Texts that are kept: a part of a line would keep the whole line in memory. */
import { NAME_MAX_BYTES } from '../../common/core/limits.js';

const scratch = Buffer.alloc(NAME_MAX_BYTES);

/** A copy with memory of its own, of at most NAME_MAX_BYTES bytes. */
export function ownText<T extends string>(text: T): T {
  const lengthBytes = scratch.write(text);
  // As many bytes as characters is ASCII, which is copied fastest.
  return scratch.toString(lengthBytes === text.length ? 'latin1' : 'utf8', 0, lengthBytes) as T;
}
