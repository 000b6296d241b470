/**
 * What a fetch gives back while it runs: every chunk that it has verified is served, and trackers name it as a holder.
 *
 *     begin ──► serving a part ── finish (all at its final name) ──► serving files
 *        └──────────────┴────────── close ──► nothing is served or announced
 *
 * A file of one chunk needs no manifest to be verified, so its fetch has no hash to serve one with: it is offered when it is here.
 * Invariant: nothing is served that was not verified by this process, in this run or the check at its beginning.
 */
import { join } from 'node:path';
import type { Bitfield } from '../../common/core/bitfield.js';
import { chunkCount } from '../../common/core/chunks.js';
import type { FileName } from '../../common/core/file-name.js';
import { CHUNK_BYTES } from '../../common/core/limits.js';
import type { Manifest } from '../../common/core/manifest.js';
import type { PeerAddress } from '../../common/core/peer-address.js';
import { type ContentRoot, contentRoot } from '../../common/core/root.js';
import { lookAt } from '../../common/node/disk-work.js';
import { hashFunction } from '../../common/node/hash.js';
import type { Disk } from '../../common/ports/disk.js';
import type { Announcement, Announcer } from '../discovery/announcer.js';
import { identityOf } from '../hash/file-identity.js';
import type { Introduction } from '../net/introduction.js';
import { GrowingHolding } from '../share/growing-holding.js';
import { fullHolding } from '../share/holding.js';
import type { ShareIndex } from '../share/share-index.js';
import type { SharedContent } from '../share/shared-content.js';
import type { Catalog } from './catalog.js';

/** The serving half of a node, as a fetch sees it. */
export interface OfferPorts {
  readonly disk: Pick<Disk, 'lstat'>;
  readonly index: Pick<ShareIndex, 'add' | 'remove'>;
  readonly announcer: Pick<Announcer, 'announce' | 'withdraw'>;
  /** How this node makes itself known to peers. */
  readonly introduction: Introduction;
  /** Calls `take` with the address of each peer that asks for the content and serves it too. Returns how to end that. */
  readonly onPeerSeen: (root: ContentRoot, take: (address: PeerAddress) => void) => () => void;
  /** Goes on serving, from its final place, what was fetched; `undefined` where that is not wanted. */
  readonly keep: ((kind: 'file' | 'folder', path: string, contents: readonly SharedContent[]) => void) | undefined;
}

/** A folder's manifest, and the bytes of its index. */
export interface OfferedFolder {
  readonly manifest: Manifest;
  readonly indexBytes: Uint8Array;
}

export interface OfferedContent {
  readonly name: FileName;
  readonly root: ContentRoot;
  readonly catalog: Catalog;
  /** The units that are here; the fetch keeps it up to date. */
  readonly had: Bitfield;
  /** By index of the file, the hash of each file of one chunk that an earlier run brought. */
  readonly foundHashes: ReadonlyMap<number, Uint8Array>;
  /** `undefined` for a single file. */
  readonly folder: OfferedFolder | undefined;
  /** Where each file is while it is fetched. */
  readonly pathOf: (fileIndex: number) => string;
}

export class Offer {
  readonly #ports: OfferPorts;
  readonly #content: OfferedContent;
  readonly #holding: GrowingHolding;
  readonly #announcement: Announcement;
  #folder: SharedContent | undefined;
  /** What is served, by index of the file. */
  readonly #files = new Map<number, SharedContent>();
  #isKept = false;

  /** Serves and announces what is here. */
  constructor(ports: OfferPorts, content: OfferedContent) {
    this.#ports = ports;
    this.#content = content;
    this.#holding = new GrowingHolding(content.had);
    const { catalog, folder, name, root, had, foundHashes } = content;
    const { indexCount, sizeBytes, type } = wholeOf(content);
    this.#announcement = {
      name,
      root,
      sizeBytes,
      ...(type === undefined ? {} : { type }),
      haveCount: () => indexCount + had.count,
    };
    if (folder !== undefined) {
      const source = { kind: 'memory', bytes: folder.indexBytes } as const;
      this.#folder = { name, root, manifest: folder.manifest, source, holding: this.#holding.folder(indexCount) };
      ports.index.add(this.#folder);
    }
    for (const [index, file] of catalog.files.entries()) {
      const hashes = file.hashes ?? foundHashes.get(index);
      if (hashes !== undefined) this.#serve(index, hashes);
    }
    ports.announcer.announce([this.#announcement]);
  }

  /** A unit was verified and written; `hash` is that of its chunk. */
  landed(unit: number, hash: Uint8Array): void {
    const { catalog } = this.#content;
    const { fileIndex, file } = catalog.locate(unit);
    if (!this.#files.has(fileIndex)) {
      const { sizeBytes, root, hashName } = file;
      // It may be right by the root's own hash function and not by the one that was taken for it.
      const found = contentRoot({ sizeBytes, chunkBytes: CHUNK_BYTES, hashes: hash }, hashFunction(hashName));
      if (found === root) this.#serve(fileIndex, hash);
    }
    this.#holding.came(unit);
  }

  /** Everything is at its final name: goes on serving it from there, where that is wanted. */
  async finish(path: string): Promise<void> {
    const { keep } = this.#ports;
    if (keep === undefined) return;
    const contents = await this.#finished(path);
    // One has no hash here, since it was right by another hash function, or is gone already: the whole is to be shared anew.
    if (contents === undefined) return;
    this.#isKept = true;
    keep(this.#folder === undefined ? 'file' : 'folder', path, contents);
    // After it, so that at no moment nothing is served: the files of the part are not to be held open on.
    for (const content of this.#files.values()) this.#ports.index.remove(content);
  }

  /** Serves nothing of the part any more, and tells the trackers where nothing is kept. Idempotent. */
  close(): void {
    if (this.#isKept) return;
    for (const content of this.#files.values()) this.#ports.index.remove(content);
    if (this.#folder !== undefined) this.#ports.index.remove(this.#folder);
    this.#ports.announcer.withdraw([this.#announcement]);
  }

  /** The same contents, of files at their final place; `undefined` where one cannot be served as it is. */
  async #finished(path: string): Promise<readonly SharedContent[] | undefined> {
    const contents: SharedContent[] = [];
    for (const [index, file] of this.#content.catalog.files.entries()) {
      if (file.sizeBytes === 0) this.#serve(index, new Uint8Array(0));
      const content = this.#files.get(index);
      if (content === undefined) return undefined;
      const filePath = join(path, file.path ?? '');
      const found = await lookAt(this.#ports.disk, filePath);
      if (found === undefined) return undefined;
      contents.push({
        ...content,
        source: { kind: 'file', path: filePath, identity: identityOf(found) },
        holding: fullHolding(content.holding.chunkCount),
      });
    }
    if (this.#folder === undefined) return contents;
    return [{ ...this.#folder, holding: fullHolding(this.#folder.holding.chunkCount) }, ...contents];
  }

  #serve(fileIndex: number, hashes: Uint8Array): void {
    const { catalog, name: wholeName, pathOf, folder } = this.#content;
    const file = catalog.files[fileIndex];
    const root = file?.root;
    if (file === undefined || root === undefined) return;
    const { sizeBytes, hashName, mtimeMs, path } = file;
    const name = folder === undefined || path === undefined ? wholeName : (`${wholeName}/${path}` as FileName);
    const manifest = {
      name,
      sizeBytes,
      chunkBytes: CHUNK_BYTES,
      hashName,
      hashes,
      ...(mtimeMs === undefined ? {} : { mtimeMs }),
    };
    const holding = this.#holding.file(catalog.firstUnit(fileIndex), chunkCount(sizeBytes));
    const content = { name, root, manifest, source: { kind: 'part', path: pathOf(fileIndex) }, holding } as const;
    this.#files.set(fileIndex, content);
    this.#ports.index.add(content);
  }
}

/** A content as it is announced: of a folder, that is its index. */
function wholeOf({ folder, catalog }: OfferedContent): { indexCount: number; sizeBytes: number; type: string | undefined } {
  if (folder === undefined) return { indexCount: 0, sizeBytes: catalog.totalBytes, type: undefined };
  const { sizeBytes, type } = folder.manifest;
  return { indexCount: chunkCount(sizeBytes), sizeBytes, type };
}
