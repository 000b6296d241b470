/**
 * What a peer sends on one connection, as the reply parser takes it: whole, in pieces, and in place. The first byte of an input says what
 * was asked for; the rest is what comes.
 */
import { ShoalError } from '../../../common/core/errors.js';
import { HASH_BYTES } from '../../../common/core/hash.js';
import type { SimRandom } from '../../../common/sim/sim-random.js';
import { SLOT_HEAD_BYTES, type Slot } from '../../../peer/hash/slot-memory.js';
import { type Expected, ReplyParser } from '../../../peer/net/reply-parser.js';
import { lawfulText } from '../laws.js';
import { piecesOf } from '../line-feeding.js';
import { law, same, type Target } from '../target.js';
import { lineOf, oneIn, pick, wordsOf } from '../text-grammar.js';

/** Small ones: what a chunk holds does not matter here, and where it ends does. */
const CHUNK_BYTES = 12;
const DOCUMENT_MAX_BYTES = 40;
const REQUEST_COUNT = 5;
const SLOT_COUNT = 3;

/** Bits of the first byte: what each request is for, whether news may come, and whether slots come back at once. */
const LISTENS_BIT = 0x20;
const IS_SCARCE_BIT = 0x40;

function expectedOf(head: number): Expected[] {
  return Array.from({ length: REQUEST_COUNT }, (_, at) =>
    (head & (1 << at)) === 0 ? { kind: 'chunk', sizeBytes: CHUNK_BYTES } : { kind: 'document', maxBytes: DOCUMENT_MAX_BYTES },
  );
}

/** Takes what one parser tells, and gives it slots of its own. */
class Receiver {
  readonly told: string[] = [];
  readonly parser: ReplyParser;
  readonly #free: Slot[] = Array.from({ length: SLOT_COUNT }, () => ({
    bytes: new Uint8Array(SLOT_HEAD_BYTES + CHUNK_BYTES + HASH_BYTES),
    chunkOffset: SLOT_HEAD_BYTES,
  }));
  readonly #held: Slot[] = [];
  #surplus: Uint8Array = new Uint8Array(0);
  #isOver = false;

  constructor(head: number) {
    this.parser = new ReplyParser({
      takeSlot: () => ((head & IS_SCARCE_BIT) !== 0 && this.#free.length < SLOT_COUNT ? undefined : this.#free.pop()),
      releaseSlot: (slot) => this.#release(slot),
      chunk: (slot, sizeBytes) => {
        this.told.push(`chunk ${Buffer.from(slot.bytes.subarray(SLOT_HEAD_BYTES, SLOT_HEAD_BYTES + sizeBytes)).toString('hex')}`);
        this.#held.push(slot);
      },
      document: (bytes) => {
        law(bytes.length <= DOCUMENT_MAX_BYTES, 'a document is no longer than what can be right');
        this.told.push(`document ${Buffer.from(bytes).toString('hex')}`);
      },
      refused: ({ code, message }) => {
        lawfulText(message);
        this.told.push(`refused ${code} ${message}`);
      },
      news: (line) => this.told.push(`news ${line}`),
    });
    if ((head & LISTENS_BIT) !== 0) this.parser.listen();
    for (const expected of expectedOf(head)) this.parser.expect(expected);
  }

  /** Gives bytes as a socket does; what waits for a slot is given again as soon as one is back. */
  feed(bytes: Uint8Array, isInPlace: boolean): void {
    for (let rest = bytes; rest.length > 0 && !this.#isOver; ) {
      const room = isInPlace ? this.parser.buffer() : rest;
      law(room.length > 0, 'there is a place for what comes');
      const part = rest.subarray(0, room.length);
      rest = rest.subarray(part.length);
      if (isInPlace) room.set(part);
      this.#receive(isInPlace ? room.subarray(0, part.length) : new Uint8Array(part));
    }
  }

  end(): readonly string[] {
    this.parser.close();
    for (const slot of this.#held.splice(0)) this.#release(slot);
    same(this.#free.length, SLOT_COUNT, 'every slot comes back');
    return this.told;
  }

  #receive(bytes: Uint8Array): void {
    try {
      this.#surplus = this.parser.receive(bytes) ?? new Uint8Array(0);
      while (this.parser.isStarved) {
        const slot = this.#held.shift();
        if (slot === undefined) return;
        this.#release(slot);
        this.parser.retrySlot();
        this.#surplus = this.parser.receive(this.#surplus) ?? new Uint8Array(0);
      }
    } catch (error) {
      if (!(error instanceof ShoalError) || error.code !== 'PROTOCOL') throw error;
      lawfulText(error.message);
      this.#isOver = true;
      this.told.push('broken');
    }
  }

  #release(slot: Slot): void {
    law(!this.#free.includes(slot), 'a slot comes back once');
    this.#free.push(slot);
  }
}

function told(head: number, pieces: readonly Uint8Array[], isInPlace: boolean): readonly string[] {
  const receiver = new Receiver(head);
  for (const piece of pieces) receiver.feed(piece, isInPlace);
  return receiver.end();
}

function judge(input: Uint8Array): string {
  const [head = 0, bytes] = [input[0], input.subarray(1)];
  const whole = told(head, [bytes], false);
  const pieces = piecesOf(bytes);
  const text = whole.join('\n');
  same(text, told(head, pieces, false).join('\n'), 'replies fed whole and in pieces');
  same(text, told(head, pieces, true).join('\n'), 'replies fed whole and in place');
  const answered = whole.filter((one) => !one.startsWith('news') && one !== 'broken').length;
  law(answered <= REQUEST_COUNT, 'nothing is answered that was not asked');
  return (
    whole
      .map((one) =>
        one
          .split(' ', 2)
          .slice(0, one.startsWith('refused') ? 2 : 1)
          .join(':'),
      )
      .slice(0, 8)
      .join(' ') || 'nothing'
  );
}

const LINES = ['ERR {code} {text}', 'HAVE @{root} {ranges}', 'ERROR {text}', 'ERR', '{size}', '524288'] as const;

function generate(random: SimRandom): Uint8Array {
  const head = random.below(256);
  const parts: (Uint8Array | string)[] = [Uint8Array.of(head)];
  for (const expected of expectedOf(head)) {
    if (oneIn(random, 5)) parts.push(`${lineOf(pick(random, LINES), random)}\n`);
    const right = expected.kind === 'chunk' ? CHUNK_BYTES : random.below(DOCUMENT_MAX_BYTES + 1);
    const claimed = oneIn(random, 12) ? pick(random, [right + 1, right - 1, 0, 2 ** 53, 10_737_418_240]) : right;
    parts.push(
      oneIn(random, 20)
        ? pick(random, ['+12\n', '12\r\n', '012\n', ' 12\n', '12abc\n', '99999999999999999999\n', '\n'])
        : `${claimed}\n`,
    );
    parts.push(new Uint8Array(oneIn(random, 12) ? random.below(60) : right).fill(random.below(256)));
  }
  return Buffer.concat(parts.map((part) => Buffer.from(part as Uint8Array)));
}

export const peerReplies: Target = {
  name: 'peer-replies',
  inputMaxBytes: 6000,
  tokens: [...wordsOf(LINES), `${CHUNK_BYTES}\n`, `${CHUNK_BYTES}\n${'x'.repeat(CHUNK_BYTES)}`, '0\n', '40\n', '41\n'],
  testCount: 5000,
  heldToCount: 1_000_000,
  generate,
  open: () => ({ judge }),
};
