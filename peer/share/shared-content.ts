/** One content that this peer serves, and where its bytes are. */
import type { FileName } from '../../common/core/file-name.js';
import type { Manifest } from '../../common/core/manifest.js';
import type { ContentRoot } from '../../common/core/root.js';
import type { FileIdentity } from '../hash/file-identity.js';

export type ContentSource =
  /** A file that must be in the state in which it was hashed. */
  | { readonly kind: 'file'; readonly path: string; readonly identity: FileIdentity }
  | { readonly kind: 'memory'; readonly bytes: Uint8Array };

export interface SharedContent {
  readonly name: FileName;
  readonly root: ContentRoot;
  readonly manifest: Manifest;
  readonly source: ContentSource;
  /** Whether the chunk is here; asked only for indexes that the content has. */
  hasChunk(chunkIndex: number): boolean;
}

/** `hasChunk` of a content that is all here. */
export function hasEveryChunk(): boolean {
  return true;
}
