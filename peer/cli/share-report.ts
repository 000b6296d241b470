/**
 * What `peer share` says, to people or to programs: results on standard output, everything else on standard error.
 * With `json` each event is one line on standard output. It decides nothing.
 */
import type { ShoalError } from '../../common/core/errors.js';
import { encodeFileName, type FileName } from '../../common/core/file-name.js';
import { FOLDER_TYPE } from '../../common/core/folder-index.js';
import { formatLink } from '../../common/core/link.js';
import { formatHostPort, formatPeerAddress, type HostPort, type PeerAddress } from '../../common/core/peer-address.js';
import { formatBytes } from '../../common/core/units.js';
import type { PushOffer } from '../../common/wire/peer-lines.js';
import type { Announcement } from '../discovery/announcer.js';
import type { NodeEvents } from '../node.js';
import type { DamagedChunk } from '../scrub/chunk-check.js';
import type { FileContent } from '../scrub/damage-ledger.js';
import { damageText, mendedText, toldChunk } from '../serve/node-scrubs.js';
import type { SharedContent } from '../share/shared-content.js';

/** Milliseconds between two progress events. */
const PROGRESS_EVENT_MS = 1000;
/** Changes that are told one by one in a second; the rest are counted. */
const CHANGE_LINES_COUNT = 10;

/** The part of `Progress` that is used here. */
export interface ShareProgress {
  phase(name: string, totalBytes: number): void;
  update(doneBytes: number, note?: string): void;
  note(text: string): void;
  stop(): void;
}

export interface ShareReportOptions {
  readonly isJson: boolean;
  readonly isQuiet: boolean;
  readonly trackers: readonly HostPort[];
  readonly progress: ShareProgress;
  /** Writes to standard output. */
  readonly print: (text: string) => void;
  readonly nowMs: () => number;
}

export class ShareReport implements NodeEvents {
  readonly #options: ShareReportOptions;
  /** Name and root of what was reported as shared. */
  readonly #told = new Set<string>();
  readonly #fileCountOf = new Map<FileName, number>();
  #totalBytes = 0;
  #doneBytes = 0;
  /** Whether nothing is being hashed; a fetch that goes on being shared hashes nothing at all. */
  #isHashedAll = true;
  #cachedBytes = 0;
  #progressMs = Number.NEGATIVE_INFINITY;
  #changes = { sinceMs: Number.NEGATIVE_INFINITY, count: 0 };

  constructor(options: ShareReportOptions) {
    this.#options = options;
  }

  /** A node that stays is ready. For programs; people are told in words. */
  serving(address: string, control: string, pid: number): void {
    this.#event({ event: 'serving', address, control, pid });
  }

  scanned(fileCount: number, totalBytes: number): void {
    this.#totalBytes = totalBytes;
    this.#isHashedAll = false;
    this.#options.progress.phase('hash', totalBytes);
    this.#event({ event: 'scanned', files: fileCount, bytes: totalBytes });
  }

  hashed(bytes: number, isFromCache: boolean): void {
    this.#doneBytes += bytes;
    if (isFromCache) this.#cachedBytes += bytes;
    this.#options.progress.update(this.#doneBytes, this.#cachedBytes > 0 ? `${formatBytes(this.#cachedBytes)} known` : '');
    const nowMs = this.#options.nowMs();
    if (nowMs - this.#progressMs < PROGRESS_EVENT_MS) return;
    this.#progressMs = nowMs;
    this.#event({ event: 'progress', phase: 'hash', doneBytes: this.#doneBytes, totalBytes: this.#totalBytes });
  }

  /** All that was asked for is hashed, or its hashing was ended. Idempotent. */
  hashedAll(): void {
    if (this.#isHashedAll) return;
    this.#isHashedAll = true;
    this.#options.progress.stop();
    this.#event({ event: 'progress', phase: 'hash', doneBytes: this.#doneBytes, totalBytes: this.#totalBytes });
  }

  indexed(content: Pick<SharedContent, 'name'>, fileCount: number | undefined): void {
    if (fileCount === undefined) return;
    this.#fileCountOf.set(content.name, fileCount);
    if (!this.#options.isQuiet) this.#say(`${content.name}: ${fileCount} ${fileCount === 1 ? 'file' : 'files'}`);
  }

  registered(content: Announcement, address: PeerAddress | undefined, _tracker: HostPort): void {
    const key = `${content.root} ${content.name}`;
    // The files of a folder are registered too; a line for each would drown the folder's own.
    if (content.name.includes('/') || this.#told.has(key)) return;
    this.#told.add(key);
    const { name, sizeBytes, root } = content;
    const link = formatLink({ root, name, sizeBytes, trackers: this.#options.trackers, peers: [] });
    const at = address === undefined ? '-' : formatPeerAddress(address);
    if (!this.#options.isJson) {
      this.#options.print(`sharing ${encodeFileName(name)} ${sizeBytes} ${root} at ${at}\n${link}\n`);
      return;
    }
    const files = content.type === FOLDER_TYPE ? { files: this.#fileCountOf.get(name) } : {};
    this.#event({ event: 'sharing', name, size: sizeBytes, root, address: at, link, ...files });
  }

  refused(content: Announcement, error: ShoalError, tracker: HostPort): void {
    const text = `The tracker at ${formatHostPort(tracker)} refused "${content.name}": ${error.message}`;
    this.#say(text);
    this.#event({
      event: 'refused',
      name: content.name,
      tracker: formatHostPort(tracker),
      code: error.code,
      message: error.message,
    });
  }

  trackerLost(tracker: HostPort, error: ShoalError): void {
    const at = formatHostPort(tracker);
    this.#say(`The tracker at ${at} could not be told what is shared. ${error.message} Still serving; trying again.`);
    this.#event({ event: 'tracker-lost', tracker: formatHostPort(tracker), message: error.message });
  }

  trackerBack(tracker: HostPort): void {
    this.#say(`The tracker at ${formatHostPort(tracker)} is back.`);
    this.#event({ event: 'tracker-back', tracker: formatHostPort(tracker) });
  }

  changed(content: Pick<SharedContent, 'name' | 'root'>): void {
    this.#told.delete(`${content.root} ${content.name}`);
    this.#event({ event: 'changed', name: content.name, root: content.root });
    const nowMs = this.#options.nowMs();
    if (nowMs - this.#changes.sinceMs > 1000) this.#changes = { sinceMs: nowMs, count: 0 };
    this.#changes.count += 1;
    if (this.#changes.count > CHANGE_LINES_COUNT) return;
    this.#say(
      this.#changes.count === CHANGE_LINES_COUNT
        ? 'More files have changed; they are shared again when they are left alone.'
        : `"${content.name}" has changed or is gone; its new version is shared when it is left alone.`,
    );
  }

  pushOffered({ name, sizeBytes, root }: PushOffer, ip: string): void {
    this.#event({ event: 'push-offered', name, size: sizeBytes, root, from: ip });
  }

  pushReceived({ name, root }: PushOffer, ip: string): void {
    this.#say(`"${name}" was pushed here by ${ip}.`);
    this.#event({ event: 'push-received', name, root, from: ip });
  }

  pushFailed({ name, root }: PushOffer, ip: string, { code, message }: ShoalError): void {
    this.#say(`"${name}", pushed by ${ip}, was not received: ${message}`);
    this.#event({ event: 'push-failed', name, root, from: ip, code, message });
  }

  damaged(content: FileContent, { chunkIndex, reason }: DamagedChunk): void {
    const told = toldChunk(content, chunkIndex);
    this.#say(`${damageText(told, reason)} It is not served; "peer verify --all --repair" fetches it again from other peers.`);
    this.#event({ event: 'damaged', ...told, reason });
  }

  mended(content: FileContent, chunkIndex: number): void {
    const told = toldChunk(content, chunkIndex);
    this.#say(mendedText(told));
    this.#event({ event: 'mended', ...told });
  }

  /** Bound, since it is handed on by itself. */
  readonly note = (text: string): void => {
    this.#say(text);
    this.#event({ event: 'note', message: text });
  };

  served(): void {}

  /** A line for people. Programs have their events. */
  #say(text: string): void {
    if (!this.#options.isJson) this.#options.progress.note(text);
  }

  #event(event: Readonly<Record<string, unknown>>): void {
    if (this.#options.isJson) this.#options.print(`${JSON.stringify(event)}\n`);
  }
}
