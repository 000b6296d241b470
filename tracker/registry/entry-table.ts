/**
 * Numbers that are found by a key which stands elsewhere: a Map with texts for keys would take several times the memory.
 *
 * An open-addressing table in segments, which the upper bits of a hash tell apart: each grows for itself, so that no single entry waits
 * for the whole table to be built anew, and what is old beside what is new is a segment. An entry is a number other than 0.
 * Invariant: within a segment, from the place where a key's hash points to the key's entry, no place is empty.
 */

/** Segments: with a million entries each holds a thousand, and is built anew in a tenth of a millisecond. */
const SEGMENT_BITS = 10;
const SEGMENTS_COUNT = 2 ** SEGMENT_BITS;
const SEGMENT_MIN_BITS = 3;
/** How full a segment may be before it doubles. */
const FILL_MAX = 0.75;

/** How a table reads its keys and its entries. Hashes have 32 bits, all of which have to be good. */
export interface EntryTraits<Key> {
  hashOf(key: Key): number;
  isOf(entry: number, key: Key): boolean;
}

interface Segment {
  bits: number;
  count: number;
  /** For each place the hash of its entry, and the entry: most places that are not the right one are told by the hash alone. */
  places: Int32Array;
}

export class EntryTable<Key> {
  readonly #traits: EntryTraits<Key>;
  readonly #segments: Segment[] = Array.from({ length: SEGMENTS_COUNT }, emptySegment);

  constructor(traits: EntryTraits<Key>) {
    this.#traits = traits;
  }

  /** The entry of a key, or 0. */
  get(key: Key): number {
    const hash = this.#traits.hashOf(key) | 0;
    const { places } = this.#segmentOf(hash);
    return places[this.#find(places, key, hash) + 1] as number;
  }

  /** Puts in place of a key's entry, 0 where there is none, what `change` makes of it; 0 forgets it. */
  update(key: Key, change: (entry: number) => number): void {
    const hash = this.#traits.hashOf(key) | 0;
    const segment = this.#segmentOf(hash);
    const at = this.#find(segment.places, key, hash);
    const was = segment.places[at + 1] as number;
    const entry = change(was);
    segment.places[at] = hash;
    segment.places[at + 1] = entry;
    if (was === 0 && entry !== 0) {
      segment.count += 1;
      if (segment.count > FILL_MAX * 2 ** segment.bits) resize(segment, segment.bits + 1);
    } else if (was !== 0 && entry === 0) close(segment, at);
  }

  #segmentOf(hash: number): Segment {
    return this.#segments[hash >>> (32 - SEGMENT_BITS)] as Segment;
  }

  /** Where a key's entry is, or the empty place where it would be. */
  #find(places: Int32Array, key: Key, hash: number): number {
    const mask = places.length - 1;
    for (let at = homeOf(hash, mask); ; at = (at + 2) & mask) {
      const entry = places[at + 1] as number;
      if (entry === 0 || (places[at] === hash && this.#traits.isOf(entry, key))) return at;
    }
  }
}

/** Where a hash points within its segment; a place is two numbers. */
function homeOf(hash: number, mask: number): number {
  return (hash << 1) & mask;
}

/** After an entry was taken out: moves those behind it that would not be found any more. */
function close(segment: Segment, emptied: number): void {
  const { places, bits } = segment;
  const mask = places.length - 1;
  let hole = emptied;
  for (let at = (hole + 2) & mask; places[at + 1] !== 0; at = (at + 2) & mask) {
    const home = homeOf(places[at] as number, mask);
    if (((at - home) & mask) < ((at - hole) & mask)) continue;
    places.copyWithin(hole, at, at + 2);
    hole = at;
  }
  places.fill(0, hole, hole + 2);
  segment.count -= 1;
  if (bits > SEGMENT_MIN_BITS && segment.count < 2 ** bits / 8) resize(segment, bits - 1);
}

function resize(segment: Segment, bits: number): void {
  const old = segment.places;
  const places = new Int32Array(2 ** (bits + 1));
  const mask = places.length - 1;
  for (let from = 0; from < old.length; from += 2) {
    if (old[from + 1] === 0) continue;
    let at = homeOf(old[from] as number, mask);
    while (places[at + 1] !== 0) at = (at + 2) & mask;
    places[at] = old[from] as number;
    places[at + 1] = old[from + 1] as number;
  }
  segment.bits = bits;
  segment.places = places;
}

function emptySegment(): Segment {
  return { bits: SEGMENT_MIN_BITS, count: 0, places: new Int32Array(2 ** (SEGMENT_MIN_BITS + 1)) };
}
