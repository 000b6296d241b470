/**
 * What was asked to be shared, and its life: scanned, hashed, served, announced; withdrawn when it changes, and hashed again when it
 * has settled.
 *
 *     shared ── file changed ──► not served any more ── left alone for a moment ──► hashed again ──► served and announced anew
 *
 * Trackers are told when the new state is known: taking something back costs a registration of all that is left.
 * Invariant: what is served is in the index; one renewal of a share runs at a time.
 */
import { asShoalError, ShoalError } from '../../common/core/errors.js';
import type { FileName } from '../../common/core/file-name.js';
import type { Clock } from '../../common/ports/clock.js';
import type { FileTree } from '../../common/ports/disk.js';
import type { Announcer } from '../discovery/announcer.js';
import { markChunk } from './chunk-marks.js';
import type { ChunkReader } from './chunk-reader.js';
import type { Indexer } from './indexer.js';
import { type Note, rescanFile, type Scan, scanFolder, scanPaths } from './scan.js';
import type { ShareIndex } from './share-index.js';
import { announcement, listingOf, newShare, type Share, type ShareListing, stateOf } from './share-place.js';
import type { SharedContent } from './shared-content.js';
import { Watch } from './watch.js';

/** Milliseconds that a changed file must have been left alone. */
const SETTLE_MS = 2000;
/** A renewal that takes long comes seldom: this many times its own duration passes before the next. */
const RENEWAL_REST_FACTOR = 5;
/** Files that were given by themselves and are hashed at once: small ones would leave cores idle one by one. */
const FILES_AT_ONCE_COUNT = 8;

export interface SharingPorts {
  readonly disk: FileTree;
  readonly clock: Clock;
  readonly indexer: Pick<Indexer, 'indexFile' | 'indexFolder'>;
  readonly index: ShareIndex;
  readonly reader: Pick<ChunkReader, 'forget'>;
  readonly announcer: Pick<Announcer, 'announce' | 'withdraw'>;
  /** Chunks of a content that were found damaged before it was shared now. */
  readonly damagedChunks: (content: SharedContent) => readonly number[];
}

export interface SharingEvents {
  /** Everything was found; hashing begins. */
  scanned(fileCount: number, totalBytes: number): void;
  /** As `IndexCallbacks.hashed`. */
  hashed(bytes: number, isFromCache: boolean): void;
  /** A file or folder that was asked for is served from now on; `fileCount` is that of a folder. */
  indexed(content: SharedContent, fileCount: number | undefined): void;
  /** This content is not served any more; its file changed or vanished. */
  changed(content: SharedContent): void;
  readonly note: Note;
}

/** What one call of `share` tells whoever made it. */
export type ShareNews = Pick<SharingEvents, 'scanned' | 'hashed' | 'note'>;

export class Sharing {
  readonly #ports: SharingPorts;
  readonly #events: SharingEvents;
  readonly #isFolderOnly: boolean;
  readonly #shares = new Map<string, Share>();
  readonly #watch: Watch;
  #isClosed = false;

  constructor(ports: SharingPorts, options: { readonly isFolderOnly: boolean; readonly events: SharingEvents }) {
    this.#ports = ports;
    this.#events = options.events;
    this.#isFolderOnly = options.isFolderOnly;
    this.#watch = new Watch(ports, (content) => this.withdraw(content));
  }

  /**
   * Shares files and folders, and tells `news` of it. Throws what `scanPaths` and `Indexer` throw, and `USAGE` for a name that stands for
   * another path here; then nothing of a failed path is shared.
   */
  async share(paths: readonly string[], news: ShareNews = this.#events): Promise<void> {
    await this.#index(await scanPaths(this.#ports.disk, paths, news.note), news);
  }

  /** Shares one file or folder under a name that its path need not have. Throws as `share`. */
  async shareAs(kind: 'file' | 'folder', path: string, name: FileName, news: ShareNews = this.#events): Promise<void> {
    const scan = await this.#rescan(newShare({ kind, path, name }));
    if (scan === undefined) throw new ShoalError('NOT_FOUND', 'local', `There is no ${kind} "${path}" any more.`);
    await this.#index(scan, news);
  }

  /** Serves nothing of a path any more and takes it back from the trackers; returns whether it was shared. */
  unshare(path: string): boolean {
    const share = [...this.#shares.values()].find((one) => one.path === path);
    if (share === undefined) return false;
    this.#shares.delete(share.name);
    share.timer?.cancel();
    const contents = [...share.contents.values()];
    for (const content of contents) {
      this.#ports.reader.forget(content);
      this.#ports.index.remove(content);
    }
    this.#ports.announcer.withdraw(contents.filter((content) => this.#isAnnounced(share, content)).map(announcement));
    return true;
  }

  /** What is shared, in the order in which it was asked for. */
  list(): ShareListing[] {
    return [...this.#shares.values()].map(listingOf);
  }

  async #index(scan: Scan, news: ShareNews): Promise<void> {
    for (const { path, name } of [...scan.files, ...scan.folders]) this.#checkName(path, name);
    const files = [...scan.files, ...scan.folders.flatMap((folder) => folder.files)];
    news.scanned(
      files.length,
      files.reduce((sum, file) => sum + file.identity.sizeBytes, 0),
    );
    const left = scan.files.values();
    const indexSome = async () => {
      for (const file of left) {
        const content = await this.#ports.indexer.indexFile(file, news);
        this.#adopt(this.#shareOf('file', file), [content]);
      }
    };
    await Promise.all(Array.from({ length: FILES_AT_ONCE_COUNT }, indexSome));
    for (const folder of scan.folders) {
      const { content, files: inside } = await this.#ports.indexer.indexFolder(folder, news);
      this.#adopt(this.#shareOf('folder', folder), [content, ...inside]);
    }
  }

  /** Two paths under one name would take turns at being served. */
  #checkName(path: string, name: FileName): void {
    const taken = this.#shares.get(name)?.path;
    if (taken === undefined || taken === path) return;
    const text = `"${path}" cannot be shared: "${name}" is "${taken}" here. Rename one, or stop sharing the other.`;
    throw new ShoalError('USAGE', 'local', text);
  }

  /** The share that a path has, or a new one. */
  #shareOf(kind: 'file' | 'folder', { path, name }: { readonly path: string; readonly name: FileName }): Share {
    const found = this.#shares.get(name);
    return found?.kind === kind && found.path === path ? found : newShare({ kind, path, name });
  }

  /** Shares what was just fetched to `path`, without hashing it again. Of a folder, the folder itself comes first. */
  keep(kind: 'file' | 'folder', path: string, contents: readonly SharedContent[]): void {
    const [first] = contents;
    if (first !== undefined) this.#adopt(this.#shareOf(kind, { path, name: first.name }), contents);
  }

  /** A content's file is not what it was: it is not served from now on. Idempotent. */
  withdraw(content: SharedContent): void {
    this.#ports.reader.forget(content);
    if (!this.#ports.index.remove(content)) return;
    this.#events.changed(content);
    const share = this.#shareWith(content);
    if (share !== undefined) this.#settle(share);
  }

  /** Serves a chunk no longer, since it is damaged, or again; tells the trackers how much is here. Idempotent. */
  mark(content: SharedContent, chunkIndex: number, isDamaged: boolean): void {
    const share = this.#shareWith(content);
    if (share?.contents.get(content.name) !== content) return;
    const changed = markChunk(share.contents.values(), content, chunkIndex, isDamaged);
    const isAnnounced = (one: SharedContent) => this.#isAnnounced(share, one);
    if (changed.length > 0) this.#ports.announcer.announce(changed.filter(isAnnounced).map(announcement));
  }

  close(): void {
    this.#isClosed = true;
    this.#watch.close();
    for (const share of this.#shares.values()) share.timer?.cancel();
  }

  /** Serves and announces the contents of a share in place of those it had. */
  #adopt(share: Share, contents: readonly SharedContent[]): void {
    if (this.#isClosed) return;
    const former = share.contents;
    share.contents = new Map(contents.map((content) => [content.name, content]));
    this.#shares.set(share.name, share);
    for (const [name, content] of former) if (!share.contents.has(name)) this.#ports.index.remove(content);
    const isNews = (content: SharedContent) => former.get(content.name)?.root !== content.root;
    // What was touched and is as before was not in our list meanwhile, so a tracker that looked there has forgotten it.
    const back = contents.filter((content) => !isNews(content) && !this.#isServed(former.get(content.name)));
    for (const content of contents)
      for (const chunkIndex of this.#ports.damagedChunks(content)) markChunk(contents, content, chunkIndex, true);
    for (const content of contents) this.#ports.index.add(content);
    const isAnnounced = (content: SharedContent) => this.#isAnnounced(share, content);
    const gone = [...former.values()].filter((content) => share.contents.get(content.name)?.root !== content.root);
    if (gone.length > 0) this.#ports.announcer.withdraw(gone.filter(isAnnounced).map(announcement));
    if (back.length > 0) this.#ports.announcer.withdraw(back.filter(isAnnounced).map(announcement));
    this.#ports.announcer.announce([...back, ...contents.filter(isNews)].filter(isAnnounced).map(announcement));
    const [first] = contents;
    const isNew = first !== undefined && isNews(first);
    if (isNew) this.#events.indexed(first, share.kind === 'folder' ? contents.length - 1 : undefined);
  }

  #isAnnounced({ kind, name }: Share, content: SharedContent): boolean {
    return !this.#isFolderOnly || kind === 'file' || content.name === name;
  }

  #settle(share: Share): void {
    if (this.#isClosed || share.isRenewing || !this.#isShared(share)) return;
    share.timer?.cancel();
    share.timer = this.#ports.clock.setTimer('settle', Math.max(SETTLE_MS, share.restMs), () => {
      share.isRenewing = true;
      const startMs = this.#ports.clock.nowMs();
      this.#renew(share)
        .catch((error: unknown) => {
          const { code, message } = asShoalError(error);
          if (code !== 'STOPPED' && message !== share.trouble)
            this.#events.note(`"${share.path}" is not shared for now: ${message}`);
          share.trouble = message;
          return false;
        })
        .then((isDone) => {
          share.isRenewing = false;
          share.restMs = RENEWAL_REST_FACTOR * (this.#ports.clock.nowMs() - startMs);
          // What became different meanwhile was withdrawn while nobody listened.
          const isWhole = [...share.contents.values()].every((content) => this.#isServed(content));
          if (!isDone || !isWhole) this.#settle(share);
        });
    });
  }

  /** Looks at a share again; hashes it when it is as it was at the last look. Returns whether that was so. */
  async #renew(share: Share): Promise<boolean> {
    const scan = await this.#rescan(share);
    const seen = scan === undefined ? 'gone' : stateOf([...scan.files, ...scan.folders.flatMap((folder) => folder.files)]);
    const isSettled = share.lastSeen === seen;
    share.lastSeen = seen;
    if (scan === undefined) {
      // It may come back: a share on a disk that is unmounted, an editor that writes a new file in its place.
      if (share.contents.size > 0 && this.#isShared(share)) this.#adopt(share, []);
      return false;
    }
    if (!isSettled) return false;
    [share.lastSeen, share.trouble] = [undefined, undefined];
    const callbacks = { hashed: () => undefined, note: this.#events.note };
    const [file] = scan.files;
    const [folder] = scan.folders;
    const contents: SharedContent[] = [];
    if (file !== undefined) contents.push(await this.#ports.indexer.indexFile(file, callbacks));
    if (folder !== undefined) {
      const { content, files } = await this.#ports.indexer.indexFolder(folder, callbacks);
      contents.push(content, ...files);
    }
    if (this.#isShared(share)) this.#adopt(share, contents);
    return true;
  }

  /** One file of a folder may have been fetched alone, and goes by the name that it has in there. */
  #shareWith({ name }: SharedContent): Share | undefined {
    return this.#shares.get(name) ?? this.#shares.get(name.split('/')[0] ?? '');
  }

  #isServed(content: SharedContent | undefined): boolean {
    return content !== undefined && this.#ports.index.find({ by: 'name', name: content.name }) === content;
  }

  /** Whether nobody took it back meanwhile. */
  #isShared(share: Share): boolean {
    return this.#shares.get(share.name) === share;
  }

  /** What is at a share's path now; `undefined` where nothing is. */
  async #rescan({ kind, path, name }: Share): Promise<Scan | undefined> {
    if (kind === 'file') {
      const file = await rescanFile(this.#ports.disk, path, name);
      return file === undefined ? undefined : { files: [file], folders: [] };
    }
    try {
      return { files: [], folders: [await scanFolder(this.#ports.disk, path, name, () => undefined)] };
    } catch (error) {
      if (error instanceof ShoalError && error.code === 'NOT_FOUND') return undefined;
      throw error;
    }
  }
}
