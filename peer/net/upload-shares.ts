/**
 * Who was given how many bytes, so that an uplink is shared fairly: among sources (`sourceOf`), and within each among its connections.
 * Pure. Start-time fair queueing (Goyal, Vin and Cheng 1996) at both levels: whoever asks begins at the level that the others have
 * reached, since nobody has a claim to what it did not ask for.
 *
 * Many peers may be behind one address, so the connections of a source share its part like anybody else; and who connects anew takes
 * the place that a connection of its source left, with what that one was given and how slowly it read: coming again and again brings
 * nobody more than staying does. Connections whose other side has ended its half, and may be gone, share one place of their source.
 * Nothing that a peer says of itself counts, for it may say what it likes.
 * Invariant: a place is somebody's, or left and remembered for PLACES_KEPT_SECONDS; a source is remembered while it has places.
 */
import { CHUNK_BYTES } from '../../common/core/limits.js';
import { sourceOf } from '../../common/core/peer-address.js';

/** Sources without a connection that are remembered, and seconds for which places are that connections left. */
const SOURCES_LEFT_MAX_COUNT = 1024;
const PLACES_KEPT_SECONDS = 60;

/**
 * Bytes that somebody is left behind by before it goes first whatever it asks for: sixteen chunks. Only who asks for what went out already
 * falls behind, and beside a swarm that is told apart from who takes the same chunk a thousand times by nothing but this.
 */
const BEHIND_BYTES = 16 * CHUNK_BYTES;

/** A source. Its fields are this file's alone. */
interface UploadSource {
  readonly key: string;
  shareBytes: number;
  /** What its connections have come to. */
  levelBytes: number;
  connectionCount: number;
  /** The one of all connections whose other side has ended its half. */
  readonly last: UploadPlace;
  /** Places that nobody has, the one that was left last at the end. */
  readonly left: { readonly place: UploadPlace; readonly pace: Pace; readonly atSeconds: number }[];
}

/** How a connection reads. */
export interface Pace {
  /** What it takes, in bytes a second. */
  rateBytes: number;
  /** Whether it is known to take so little that what it is given holds no slot. */
  isLight: boolean;
}

/** What a connection was given. */
export interface UploadPlace {
  readonly source: UploadSource;
  /** Bytes that it was given, on the scale of its source. */
  shareBytes: number;
}

export class UploadShares {
  /** The one that a connection left last comes last. */
  readonly #sources = new Map<string, UploadSource>();
  #levelBytes = 0;
  #seconds = 0;

  /** A connection from an IP address comes. */
  enter(ip: string): { readonly place: UploadPlace; readonly pace: Pace } {
    const key = sourceOf(ip);
    const source = this.#sources.get(key) ?? madeSource(key);
    this.#sources.set(key, source);
    source.connectionCount += 1;
    return source.left.pop() ?? { place: { source, shareBytes: 0 }, pace: { rateBytes: CHUNK_BYTES, isLight: false } };
  }

  /** The other side of a connection has ended its half: whoever comes next has its place. Gives the one that it has from now on. */
  retire(place: UploadPlace, pace: Pace): UploadPlace {
    const { source, shareBytes } = place;
    if (place !== source.last) this.#vacate(source, shareBytes, pace);
    return source.last;
  }

  /** A connection is gone. To be called once. */
  leave(place: UploadPlace, pace: Pace): void {
    const { source, shareBytes } = place;
    source.connectionCount -= 1;
    if (place !== source.last) this.#vacate(source, shareBytes, pace);
    this.#sources.delete(source.key);
    this.#sources.set(source.key, source);
    if (this.#sources.size > SOURCES_LEFT_MAX_COUNT) this.#forgetOldest();
  }

  /** It asks for something. A chunk is left to who only came a moment late, and more to whom we told to come later. */
  claim(place: UploadPlace, wasPutOff: boolean): void {
    const { source } = place;
    const graceBytes = wasPutOff ? 2 * BEHIND_BYTES : CHUNK_BYTES;
    source.shareBytes = Math.max(source.shareBytes, this.#levelBytes - graceBytes);
    place.shareBytes = Math.max(place.shareBytes, source.levelBytes - graceBytes);
  }

  charge(place: UploadPlace, bytes: number): void {
    const { source } = place;
    this.#levelBytes = Math.max(this.#levelBytes, source.shareBytes);
    source.levelBytes = Math.max(source.levelBytes, place.shareBytes);
    source.shareBytes += bytes;
    place.shareBytes += bytes;
  }

  /** It was not given them after all, for a reason of ours. */
  refund(place: UploadPlace, bytes: number): void {
    place.source.shareBytes -= bytes;
    place.shareBytes -= bytes;
  }

  /** Less than 0 where the first has been given less, its source before itself; 0 where neither has. */
  compare(first: UploadPlace, second: UploadPlace): number {
    if (first.source !== second.source) return first.source.shareBytes - second.source.shareBytes;
    return first.shareBytes - second.shareBytes;
  }

  /** Whether it has fallen so far behind others that it goes first. */
  isBehind({ source, shareBytes }: UploadPlace): boolean {
    return this.#levelBytes - source.shareBytes > BEHIND_BYTES || source.levelBytes - shareBytes > BEHIND_BYTES;
  }

  /** To be called once a second: forgets who has been gone for long. */
  tick(): void {
    this.#seconds += 1;
    for (const source of this.#sources.values()) {
      const { left } = source;
      while (left[0] !== undefined && this.#seconds - left[0].atSeconds > PLACES_KEPT_SECONDS) left.shift();
      if (left.length === 0 && source.connectionCount === 0) this.#sources.delete(source.key);
    }
  }

  #vacate(source: UploadSource, shareBytes: number, { rateBytes, isLight }: Pace): void {
    // What it was given may still be on its way, and is its own business: whoever comes next has the place as it is now.
    source.left.push({ place: { source, shareBytes }, pace: { rateBytes, isLight }, atSeconds: this.#seconds });
  }

  #forgetOldest(): void {
    for (const source of this.#sources.values()) {
      if (source.connectionCount > 0) continue;
      this.#sources.delete(source.key);
      return;
    }
  }
}

function madeSource(key: string): UploadSource {
  const source: UploadSource = {
    key,
    shareBytes: 0,
    levelBytes: 0,
    connectionCount: 0,
    left: [],
    get last() {
      return last;
    },
  };
  const last: UploadPlace = { source, shareBytes: 0 };
  return source;
}
