/**
 * What happens in a node that several look at: its log, its statistics, and commands that come and go. Who comes later is told what still holds:
 * where a content is registered, and which trackers are lost.
 */
import type { ShoalError } from '../../common/core/errors.js';
import { formatHostPort, type HostPort, type PeerAddress } from '../../common/core/peer-address.js';
import type { Announcement } from '../discovery/announcer.js';
import type { NodeEvents } from '../node.js';
import type { PushEvents } from '../push/push-inbox.js';
import type { ScrubEvents } from '../scrub/scrubber.js';
import type { SharedContent } from '../share/shared-content.js';

/** Whoever looks, at what it cares for. */
export type NewsReader = Partial<NodeEvents>;

interface Registration {
  readonly content: Announcement;
  readonly address: PeerAddress | undefined;
  readonly tracker: HostPort;
}

export class NewsBoard implements NodeEvents {
  readonly #readers = new Set<NewsReader>();
  /** By name, each content that is registered and is not inside a folder: of a folder there may be a million. */
  readonly #registrations = new Map<string, Registration>();
  /** Trackers that are lost, by address. */
  readonly #lost = new Map<string, { readonly tracker: HostPort; readonly error: ShoalError }>();

  /** Tells `reader` which trackers are lost, and everything from now on. Returns how to end that. */
  read(reader: NewsReader): () => void {
    for (const { tracker, error } of this.#lost.values()) reader.trackerLost?.(tracker, error);
    this.#readers.add(reader);
    return () => void this.#readers.delete(reader);
  }

  /** Tells `reader` again where the content of a name is registered, if it is. */
  repeat(name: string, reader: NewsReader): void {
    const found = this.#registrations.get(name);
    if (found !== undefined) reader.registered?.(found.content, found.address, found.tracker);
  }

  /** The content of a name was taken back. */
  forget(name: string): void {
    this.#registrations.delete(name);
  }

  /** Why a tracker cannot be told anything; `undefined` where it can. */
  troubleOf(tracker: HostPort): string | undefined {
    return this.#lost.get(formatHostPort(tracker))?.error.message;
  }

  registered(content: Announcement, address: PeerAddress | undefined, tracker: HostPort): void {
    // Of what is fetched only a part is here, and its name may be no share.
    if (!content.name.includes('/') && content.haveCount === undefined)
      this.#registrations.set(content.name, { content, address, tracker });
    this.#tell((reader) => reader.registered?.(content, address, tracker));
  }

  changed(content: SharedContent): void {
    this.forget(content.name);
    this.#tell((reader) => reader.changed?.(content));
  }

  trackerLost(tracker: HostPort, error: ShoalError): void {
    this.#lost.set(formatHostPort(tracker), { tracker, error });
    this.#tell((reader) => reader.trackerLost?.(tracker, error));
  }

  trackerBack(tracker: HostPort): void {
    this.#lost.delete(formatHostPort(tracker));
    this.#tell((reader) => reader.trackerBack?.(tracker));
  }

  scanned(...args: Parameters<NodeEvents['scanned']>): void {
    this.#tell((reader) => reader.scanned?.(...args));
  }

  hashed(...args: Parameters<NodeEvents['hashed']>): void {
    this.#tell((reader) => reader.hashed?.(...args));
  }

  indexed(...args: Parameters<NodeEvents['indexed']>): void {
    this.#tell((reader) => reader.indexed?.(...args));
  }

  refused(...args: Parameters<NodeEvents['refused']>): void {
    this.#tell((reader) => reader.refused?.(...args));
  }

  served(...args: Parameters<NodeEvents['served']>): void {
    this.#tell((reader) => reader.served?.(...args));
  }

  pushOffered(...args: Parameters<PushEvents['pushOffered']>): void {
    this.#tell((reader) => reader.pushOffered?.(...args));
  }

  pushReceived(...args: Parameters<PushEvents['pushReceived']>): void {
    this.#tell((reader) => reader.pushReceived?.(...args));
  }

  pushFailed(...args: Parameters<PushEvents['pushFailed']>): void {
    this.#tell((reader) => reader.pushFailed?.(...args));
  }

  damaged(...args: Parameters<ScrubEvents['damaged']>): void {
    this.#tell((reader) => reader.damaged?.(...args));
  }

  mended(...args: Parameters<ScrubEvents['mended']>): void {
    this.#tell((reader) => reader.mended?.(...args));
  }

  readonly note = (text: string): void => this.#tell((reader) => reader.note?.(text));

  #tell(tell: (reader: NewsReader) => void): void {
    for (const reader of [...this.#readers]) tell(reader);
  }
}
