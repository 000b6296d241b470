/** What a fetch tells whoever runs it, as it goes. One closed set, for the display, for `--json` and for tests. */
import type { FileName } from '../../common/core/file-name.js';
import type { ContentRoot } from '../../common/core/root.js';
import type { Why } from './verdict.js';

export type FetchPhase = 'lookup' | 'connect' | 'check' | 'fetch' | 'finish';

export type FetchEvent =
  | {
      readonly event: 'phase';
      readonly phase: FetchPhase;
      readonly totalBytes: number;
      readonly doneBytes: number;
      readonly what: string;
    }
  | {
      readonly event: 'progress';
      readonly phase: FetchPhase;
      readonly doneBytes: number;
      readonly totalBytes: number;
      readonly peers: number;
    }
  | {
      readonly event: 'content';
      readonly name: string;
      readonly root: ContentRoot | null;
      readonly size: number;
      readonly type: 'file' | 'folder';
      readonly files: number;
      readonly verified: boolean;
    }
  | { readonly event: 'resumed'; readonly bytes: number; readonly chunks: number; readonly damaged: number }
  | { readonly event: 'tracker-failed'; readonly tracker: string; readonly reason: string }
  | { readonly event: 'peer-connected'; readonly address: string }
  | { readonly event: 'peer-failed'; readonly address: string; readonly reason: string }
  | { readonly event: 'peer-banned'; readonly address: string; readonly reason: string }
  | { readonly event: 'unverified'; readonly reason: string }
  | { readonly event: 'sync-failed'; readonly chunks: number }
  /** It waits until there is room on the disk of this folder, and meanwhile asks nobody for anything. */
  | { readonly event: 'disk-full'; readonly folder: string }
  | { readonly event: 'disk-room'; readonly folder: string };

export interface FetchResult {
  /** Full path of the finished file or folder. */
  readonly path: string;
  readonly name: FileName;
  readonly root: ContentRoot | null;
  readonly type: 'file' | 'folder';
  readonly files: number;
  readonly size: number;
  readonly verified: boolean;
  /** The content was at the target before. */
  readonly isAlreadyThere: boolean;
  readonly durationMs: number;
  /** Verified bytes that came over the network in this run. */
  readonly fetchedBytes: number;
  /** Bytes that an earlier run had brought. */
  readonly resumedBytes: number;
  /** Bytes that arrived twice. */
  readonly wastedBytes: number;
  readonly peers: readonly { readonly address: string; readonly bytes: number; readonly chunks: number }[];
  /** Where the time went, and what limited it. */
  readonly why: Why;
}
