/**
 * Changes inputs by chance: bits, bytes, blocks, numbers, lengths, words of the format, and the middle of another input.
 *
 * It works in one buffer of its own, so that an input costs no memory; what it gives is valid until the next one.
 */
import type { SimRandom } from '../../common/sim/sim-random.js';

/** Bytes at which formats change their mind: ends of ranges, separators, the first bytes of msgpack values, halves of UTF-8. */
const TELLING_BYTES = Uint8Array.from(
  [0x00, 0x01, 0x09, 0x0a, 0x0d, 0x1b, 0x20, 0x25, 0x2d, 0x2f, 0x30, 0x39, 0x3d, 0x40, 0x5c, 0x7f, 0x80, 0x85, 0x90, 0x9f].concat(
    [0xa0, 0xbf, 0xc0, 0xc1, 0xc3, 0xc4, 0xc6, 0xcb, 0xcf, 0xd3, 0xd9, 0xdb, 0xdd, 0xdf, 0xe2, 0xed, 0xf4, 0xfe, 0xff],
  ),
);

const TELLING_NUMBERS = [
  ...['0', '1', '-1', '00', '01', '255', '256', '65535', '65536', '524287', '524288', '524289', '4294967295', '4294967296'],
  ...['9007199254740991', '9007199254740992', '9007199254740993', '18446744073709551615', '1e9', '0x10', 'NaN', '+5', '1.5', ''],
];

/** Lengths as formats write them. */
const LENGTH_BYTES = [1, 2, 4, 8];

export class Mutator {
  readonly #random: SimRandom;
  readonly #tokens: readonly Uint8Array[];
  readonly #maxBytes: number;
  readonly #memory: Uint8Array;
  #length = 0;

  /** `tokens`: words of the format. Results have at most `maxBytes`. */
  constructor(random: SimRandom, tokens: readonly string[], maxBytes: number) {
    this.#random = random;
    this.#tokens = [...tokens, ...TELLING_NUMBERS].map((token) => Buffer.from(token));
    this.#maxBytes = maxBytes;
    this.#memory = new Uint8Array(maxBytes);
  }

  /** `input` with one change, or a few; `other` is one to take a piece of. Valid until the next call. */
  mutate(input: Uint8Array, other: Uint8Array): Uint8Array {
    this.#length = Math.min(input.length, this.#maxBytes);
    this.#memory.set(input.subarray(0, this.#length));
    let count = 1;
    while (count < 16 && this.#random.below(2) === 0) count += 1;
    for (; count > 0; count -= 1) this.#change(other);
    return this.#memory.subarray(0, this.#length);
  }

  #change(other: Uint8Array): void {
    const { below } = this;
    if (this.#length === 0) {
      this.#insert(0, this.#token());
      return;
    }
    const at = below(this.#length);
    switch (below(13)) {
      case 0:
        this.#set(at, this.#byte(at) ^ (1 << below(8)));
        break;
      case 1:
        this.#set(at, TELLING_BYTES[below(TELLING_BYTES.length)] ?? 0);
        break;
      case 2:
        this.#set(at, below(256));
        break;
      case 3:
        this.#set(at, this.#byte(at) + (below(2) === 0 ? 1 : -1));
        break;
      case 4:
        this.#remove(at, this.#span(this.#length - at));
        break;
      case 5:
        this.#insert(at, this.#memory.slice(at, at + this.#span(this.#length - at)));
        break;
      case 6:
        this.#overwrite(at, this.#memory.slice(below(this.#length), this.#length));
        break;
      case 7:
        this.#length = at;
        break;
      case 8:
        this.#splice(other);
        break;
      case 9:
        this.#insert(at, this.#token());
        break;
      case 10:
        this.#overwrite(at, this.#token());
        break;
      case 11:
        this.#changeLength(at);
        break;
      default:
        this.#changeNumber(at);
    }
  }

  /** A number below `count`. */
  readonly below = (count: number): number => this.#random.below(count);

  #byte(at: number): number {
    return this.#memory[at] ?? 0;
  }

  #set(at: number, byte: number): void {
    this.#memory[at] = byte;
  }

  #token(): Uint8Array {
    return this.#tokens[this.below(this.#tokens.length)] ?? new Uint8Array(0);
  }

  /** Mostly short, now and then all that there is. */
  #span(mostBytes: number): number {
    const most = this.below(8) === 0 ? mostBytes : Math.min(mostBytes, 16);
    return 1 + this.below(Math.max(1, most));
  }

  #remove(at: number, count: number): void {
    this.#memory.copyWithin(at, at + count, this.#length);
    this.#length = Math.max(at, this.#length - count);
  }

  #insert(at: number, bytes: Uint8Array): void {
    const count = Math.min(bytes.length, this.#maxBytes - this.#length);
    this.#memory.copyWithin(at + count, at, this.#length);
    this.#memory.set(bytes.subarray(0, count), at);
    this.#length += count;
  }

  #overwrite(at: number, bytes: Uint8Array): void {
    this.#memory.set(bytes.subarray(0, this.#length - at), at);
  }

  /** The beginning of this one and the end of the other. */
  #splice(other: Uint8Array): void {
    const at = this.below(this.#length + 1);
    const tail = other.subarray(this.below(other.length + 1));
    this.#length = at;
    this.#insert(at, tail);
  }

  /** What may be a length in binary: one more, one less, none, or the most. */
  #changeLength(at: number): void {
    const width = LENGTH_BYTES[this.below(LENGTH_BYTES.length)] ?? 1;
    if (at + width > this.#length) return;
    const way = this.below(4);
    if (way >= 2) {
      this.#memory.fill(way === 2 ? 0xff : 0x00, at, at + width);
      return;
    }
    for (let place = at + width - 1; place >= at; place -= 1) {
      const byte = this.#byte(place);
      this.#set(place, way === 0 ? byte + 1 : byte - 1);
      // As a sum on paper: the next digit only where this one went over.
      if (byte !== (way === 0 ? 0xff : 0x00)) return;
    }
  }

  /** The decimal number around a place becomes another, often one beside it. */
  #changeNumber(at: number): void {
    let from = at;
    while (from < this.#length && !isDigit(this.#byte(from))) from += 1;
    let end = from;
    while (end < this.#length && end - from < 17 && isDigit(this.#byte(end))) end += 1;
    if (end === from) return;
    const value = Number(Buffer.from(this.#memory.subarray(from, end)).toString('latin1'));
    const text = [String(value + 1), String(Math.max(0, value - 1)), String(2 * value)][this.below(6)];
    this.#remove(from, end - from);
    this.#insert(
      from,
      text === undefined ? Buffer.from(TELLING_NUMBERS[this.below(TELLING_NUMBERS.length)] ?? '') : Buffer.from(text),
    );
  }
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}
