/** One path that was asked to be shared, as `Sharing` keeps it, and as others see it. */
import type { FileName } from '../../common/core/file-name.js';
import type { ContentRoot } from '../../common/core/root.js';
import type { Timer } from '../../common/ports/clock.js';
import type { Announcement } from '../discovery/announcer.js';
import type { FileIdentity } from '../hash/file-identity.js';
import { heldCount } from './holding.js';
import type { ScannedFile } from './scan.js';
import type { SharedContent } from './shared-content.js';

/** What is shared, and as what. */
export interface SharePlace {
  readonly kind: 'file' | 'folder';
  /** Absolute. */
  readonly path: string;
  /** Its path need not end in it. */
  readonly name: FileName;
}

/** A path that is shared, and what it is now. */
export interface ShareListing extends SharePlace {
  /** `undefined` while nothing of it is served: its file is gone, or still being written. */
  readonly root: ContentRoot | undefined;
  /** Of a folder, the sum over its files. */
  readonly sizeBytes: number;
  readonly fileCount: number;
}

/** One path that was asked for. */
export interface Share extends SharePlace {
  /** What it is served as now, by name; the folder itself under its own name. */
  contents: Map<FileName, SharedContent>;
  /** States that were seen at the last look, while it settles. */
  lastSeen: string | undefined;
  timer: Timer | undefined;
  isRenewing: boolean;
  /** What stood against the last renewal; told once. */
  trouble: string | undefined;
  restMs: number;
}

export function newShare({ kind, path, name }: SharePlace): Share {
  return {
    kind,
    path,
    name,
    contents: new Map(),
    lastSeen: undefined,
    timer: undefined,
    isRenewing: false,
    trouble: undefined,
    restMs: 0,
  };
}

export function announcement({ name, root, manifest, holding }: SharedContent): Announcement {
  const { sizeBytes, type } = manifest;
  const have = holding.isWhole ? {} : { haveCount: () => heldCount(holding) };
  return { name, root, sizeBytes, ...(type === undefined ? {} : { type }), ...have };
}

/** A text that is the same only if every file is in the same state. */
export function stateOf(files: readonly ScannedFile[]): string {
  const one = ({ dev, ino, sizeBytes, mtimeNs }: FileIdentity) => `${dev} ${ino} ${sizeBytes} ${mtimeNs}`;
  return files.map((file) => `${file.name} ${one(file.identity)}`).join('\n');
}

export function listingOf({ kind, path, name, contents }: Share): ShareListing {
  const files = [...contents.values()].filter((content) => kind === 'file' || content.name !== name);
  const sizeBytes = files.reduce((sum, { manifest }) => sum + manifest.sizeBytes, 0);
  return { kind, path, name, root: contents.get(name)?.root, sizeBytes, fileCount: files.length };
}
