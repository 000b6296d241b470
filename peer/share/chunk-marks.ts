/** Which chunks of a share are damaged: of a file, and by that of the folder that it is in. */
import { chunkCount } from '../../common/core/chunks.js';
import { WholeHolding } from './holding.js';
import type { SharedContent } from './shared-content.js';

/** A chunk of one of the `contents` of a share is damaged, or not any more. Returns the contents that this changed. */
export function markChunk(
  contents: Iterable<SharedContent>,
  content: SharedContent,
  chunkIndex: number,
  isDamaged: boolean,
): SharedContent[] {
  const changed = mark(content, chunkIndex, isDamaged) ? [content] : [];
  let folder: SharedContent | undefined;
  let first = 0;
  for (const one of contents) {
    if (one === content) break;
    // Of a folder, the folder itself comes first, and its chunks are those of its index and then those of its files.
    if (one.source.kind === 'memory') folder = one;
    first += chunkCount(one.manifest.sizeBytes);
  }
  if (folder !== undefined && mark(folder, first + chunkIndex, isDamaged)) changed.push(folder);
  return changed;
}

function mark({ holding }: SharedContent, chunkIndex: number, isDamaged: boolean): boolean {
  if (!(holding instanceof WholeHolding)) return false;
  return isDamaged ? holding.lose(chunkIndex) : holding.regain(chunkIndex);
}
