/**
 * Runs anything that cuts a byte stream into events over every way that a network may deliver the bytes.
 *
 * Each piece is handed over in memory that is overwritten afterwards, as a socket does, so a splitter that keeps a view instead of
 * a copy is found out.
 */

/** A line splitter, a reply reader, a datagram reassembler. */
export interface SplitterLike<Event> {
  push(bytes: Uint8Array, emit: (event: Event) => void): void;
}

/** The events that a fresh splitter gives for `pieces`, fed in order. */
export function eventsOf<Event>(make: () => SplitterLike<Event>, pieces: readonly Uint8Array[]): Event[] {
  const splitter = make();
  const events: Event[] = [];
  for (const piece of pieces) {
    // Copied deep: an event may hold bytes that are valid during the call only.
    const memory = new Uint8Array(piece);
    splitter.push(memory, (event) => events.push(structuredClone(event)));
    memory.fill(0xee);
  }
  return events;
}

/** `bytes` whole, byte by byte, in two at every place (at most `placesMaxCount` of them), and with empty pieces between. */
export function waysToCut(bytes: Uint8Array, placesMaxCount = 300): Uint8Array[][] {
  const single = Array.from(bytes, (byte) => Uint8Array.of(byte));
  const ways = [[bytes], single, single.flatMap((piece) => [new Uint8Array(0), piece])];
  const step = Math.max(1, Math.ceil(bytes.length / placesMaxCount));
  for (let at = 1; at < bytes.length; at += step) ways.push([bytes.subarray(0, at), bytes.subarray(at)]);
  return ways;
}

/**
 * The one list of events that `bytes` gives, however it is cut, and whatever `trailing` bytes follow it in the same piece (they may add
 * events at the end, and change none). Throws where two ways differ, with both.
 */
export function eventsHoweverCut<Event>(
  make: () => SplitterLike<Event>,
  bytes: Uint8Array,
  trailing = new Uint8Array(0),
): Event[] {
  const expected = eventsOf(make, [bytes]);
  for (const pieces of waysToCut(bytes)) compare(expected, eventsOf(make, pieces), `cut into ${pieces.length}`);
  const followed = eventsOf(make, [Buffer.concat([bytes, trailing])]);
  compare(expected, followed.slice(0, expected.length), 'with trailing bytes');
  return expected;
}

function compare(expected: unknown, actual: unknown, way: string): void {
  const [left, right] = [JSON.stringify(expected), JSON.stringify(actual)];
  if (left !== right) throw new Error(`Fed ${way}: ${right}\ninstead of: ${left}`);
}
