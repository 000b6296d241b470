/** Who hashes, checks and writes chunks: the pool of worker threads, or its simulated twin. */
import type { FolderFile } from '../../common/core/folder-index.js';
import type { HashName } from '../../common/core/hash.js';
import type { ContentRoot, RootInput } from '../../common/core/root.js';
import type { SlotMemory } from './slot-memory.js';
import type { HashSegment, Landing, LandingResult, SegmentResult } from './worker-task.js';

export interface Hasher {
  /** How much it does at once. */
  readonly threadCount: number;
  /** Where received chunks lie until they are landed. */
  readonly slots: SlotMemory;
  /**
   * Hashes runs of files: give it about 8 MiB of work. Results come in the order of the segments.
   * Throws `INTERNAL` where it could not be done, `STOPPED` after `close`.
   */
  hash(segments: readonly HashSegment[], hashName: HashName): Promise<SegmentResult[]>;
  /** The root of a content. Throws as `hash`. */
  root(input: RootInput, hashName: HashName): Promise<ContentRoot>;
  /** The files that the bytes of a folder's index list. Throws what `decodeFolderIndex` says, and as `hash`. */
  readFolder(bytes: Uint8Array): Promise<FolderFile[]>;
  /** Checks the chunk in a slot and writes it if it is right. The slot must stay owned until this settles. Throws as `hash`. */
  land(landing: Landing, hashName: HashName): Promise<LandingResult>;
  /** Stops; what is under way fails. Idempotent. */
  close(): Promise<void>;
}
