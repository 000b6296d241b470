/** One content that this peer serves, and where its bytes are. */
import type { FileName } from '../../common/core/file-name.js';
import type { Manifest } from '../../common/core/manifest.js';
import type { ContentRoot } from '../../common/core/root.js';
import type { FileIdentity } from '../hash/file-identity.js';
import type { Holding } from './holding.js';

/** A file that must be in the state in which it was hashed. */
export interface FileSource {
  readonly kind: 'file';
  readonly path: string;
  /** Another one after this process itself has mended the file. */
  identity: FileIdentity;
  /** While this process mends the file: until it resolves, the state of the file says nothing. */
  mending?: Promise<void> | undefined;
}

export type ContentSource =
  | FileSource
  /** A file that is being fetched: what of it is here was verified before it was written. */
  | { readonly kind: 'part'; readonly path: string }
  | { readonly kind: 'memory'; readonly bytes: Uint8Array };

export interface SharedContent {
  readonly name: FileName;
  readonly root: ContentRoot;
  readonly manifest: Manifest;
  readonly source: ContentSource;
  /** What of it is here. For a folder: of its index, and after that of its files in the order of the index. */
  readonly holding: Holding;
}
