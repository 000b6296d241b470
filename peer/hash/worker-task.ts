/** What the main thread and the hash workers say to each other. Everything here can be cloned to another thread. */
import type { ErrorCode } from '../../common/core/errors.js';
import type { HashName } from '../../common/core/hash.js';
import type { RootInput } from '../../common/core/root.js';
import type { FileIdentity } from './file-identity.js';
import type { FolderColumns } from './folder-columns.js';

/** A run of chunks of one file, to be read and hashed. */
export interface HashSegment {
  readonly path: string;
  /** Where given, the file must be in this state before and after it is read. */
  readonly identity?: FileIdentity;
  readonly sizeBytes: number;
  readonly firstChunk: number;
  readonly chunkCount: number;
  /**
   * For part files: a chunk whose first bytes are all zero is taken for a hole and not read further; its hash comes back as zeros,
   * which no chunk has. A real chunk that begins so is fetched again, which costs time and never truth.
   */
  readonly skipHoles?: boolean;
}

export type SegmentResult =
  | { readonly kind: 'hashed'; readonly hashes: Uint8Array }
  /** The file is not in the state that was asked for, or ended early. */
  | { readonly kind: 'changed' }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string };

/** What a received chunk must be, before it is written. */
export type Expectation =
  | { readonly by: 'hash'; readonly hash: Uint8Array }
  /** The only chunk of a content: its root alone tells whether it is right. */
  | { readonly by: 'root'; readonly root: string }
  /** Nothing is known: it is written, and its hash comes back. */
  | { readonly by: 'nothing' };

/** A chunk that lies in a slot, to be checked and, if it is right, written. */
export interface Landing {
  /** Byte offset of the chunk in the shared slot memory. */
  readonly slotOffset: number;
  readonly lengthBytes: number;
  readonly expectation: Expectation;
  readonly fd: number;
  /** Byte offset in the file. */
  readonly position: number;
}

/** What a worker found and did. */
export type LandedChunk =
  | { readonly kind: 'landed'; readonly hash: Uint8Array }
  | { readonly kind: 'mismatch' }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string };

/** What became of the chunks of one message, and how long hashing and writing them took: two numbers each would cost more than it tells. */
export interface LandingsResult {
  readonly chunks: readonly LandedChunk[];
  readonly hashMs: number;
  readonly writeMs: number;
}

/** What became of one chunk; its part of the time that those which were landed with it took. */
export type LandingResult =
  | { readonly kind: 'landed'; readonly hash: Uint8Array; readonly hashMs: number; readonly writeMs: number }
  | Exclude<LandedChunk, { kind: 'landed' }>;

/** What the bytes of a folder's index hold, or why they are none. */
export type FolderResult =
  | { readonly kind: 'folder'; readonly columns: FolderColumns }
  | { readonly kind: 'bad'; readonly code: ErrorCode; readonly message: string };

export type WorkerTask =
  | { readonly kind: 'hash'; readonly hashName: HashName; readonly segments: readonly HashSegment[] }
  | { readonly kind: 'root'; readonly hashName: HashName; readonly input: RootInput }
  | { readonly kind: 'folder'; readonly hashName: HashName; readonly bytes: Uint8Array }
  | { readonly kind: 'land'; readonly hashName: HashName; readonly landings: readonly Landing[] };

/** Given to each worker as it starts. */
export interface WorkerSetup {
  readonly slots: SharedArrayBuffer;
}
