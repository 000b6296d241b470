import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { ShoalError } from '../../common/core/errors.js';
import { CHUNK_BYTES, LINE_MAX_BYTES } from '../../common/core/limits.js';
import { SLOT_HEAD_BYTES, type Slot, SlotMemory } from '../hash/slot-memory.js';
import { seededBytes } from '../testkit/test-content.js';
import { type Expected, ReplyParser } from './reply-parser.js';

type Reply =
  | { readonly kind: 'chunk'; readonly bytes: Buffer }
  | { readonly kind: 'document'; readonly bytes: Buffer }
  | { readonly kind: 'error'; readonly of: 'chunk' | 'document'; readonly text: string };

/** A parser with few slots, that keeps what it hands out, and gives slots back when a test says. */
class Harness {
  readonly slots: SlotMemory;
  readonly slotCount: number;
  readonly got: string[] = [];
  readonly held: Slot[] = [];
  readonly owned = new Set<Slot>();
  readonly parser: ReplyParser;
  #surplus: Uint8Array | undefined;

  constructor(slotCount: number) {
    this.slots = new SlotMemory(slotCount);
    this.slotCount = slotCount;
    this.parser = new ReplyParser({
      takeSlot: () => {
        const slot = this.slots.take();
        if (slot !== undefined) this.owned.add(slot);
        return slot;
      },
      releaseSlot: (slot) => this.#giveBack(slot),
      chunk: (slot, sizeBytes) => {
        this.got.push(`chunk ${Buffer.from(slot.bytes.subarray(SLOT_HEAD_BYTES, SLOT_HEAD_BYTES + sizeBytes)).toString('hex')}`);
        this.held.push(slot);
      },
      document: (bytes) => this.got.push(`document ${Buffer.from(bytes).toString('hex')}`),
      refused: (error: ShoalError) => this.got.push(`error ${error.code} ${error.message}`),
      news: (line) => this.got.push(`news ${line}`),
    });
  }

  /** Feeds bytes as a socket would: into `buffer()` where `isInPlace`, from elsewhere otherwise. */
  feed(bytes: Uint8Array, isInPlace: boolean): void {
    let rest = bytes;
    while (rest.length > 0) {
      const room = isInPlace ? this.parser.buffer() : rest;
      const part = rest.subarray(0, Math.min(room.length, rest.length));
      if (isInPlace) room.set(part);
      this.#receive(room.subarray(0, part.length));
      rest = rest.subarray(part.length);
    }
  }

  /** The receiver is done with the oldest chunk. */
  releaseOne(): void {
    const slot = this.held.shift();
    if (slot !== undefined) this.#giveBack(slot);
    if (this.parser.isStarved && this.parser.retrySlot()) this.#receive(new Uint8Array(0));
  }

  freeCount(): number {
    const taken: Slot[] = [];
    for (let slot = this.slots.take(); slot !== undefined; slot = this.slots.take()) taken.push(slot);
    for (const slot of taken) this.slots.release(slot);
    return taken.length;
  }

  #giveBack(slot: Slot): void {
    expect(this.owned.delete(slot)).toBe(true);
    this.slots.release(slot);
  }

  /** As the connection does it: while starved the socket is paused, and what came is given again. */
  #receive(bytes: Uint8Array): void {
    const all = this.#surplus === undefined ? bytes : Buffer.concat([this.#surplus, bytes]);
    this.#surplus = this.parser.receive(all);
    while (this.parser.isStarved && this.held.length > 0 && this.#surplus !== undefined) {
      const slot = this.held.shift();
      if (slot !== undefined) this.#giveBack(slot);
      if (!this.parser.retrySlot()) continue;
      this.#surplus = this.parser.receive(this.#surplus);
    }
  }
}

function expectedOf(reply: Reply): Expected {
  if (reply.kind === 'chunk') return { kind: 'chunk', sizeBytes: reply.bytes.length };
  if (reply.kind === 'document') return { kind: 'document', maxBytes: 100_000 };
  return reply.of === 'chunk' ? { kind: 'chunk', sizeBytes: 1000 } : { kind: 'document', maxBytes: 1000 };
}

const encode = (reply: Reply): Buffer =>
  reply.kind === 'error'
    ? Buffer.from(`ERR NOT_FOUND ${reply.text}\n`)
    : Buffer.concat([Buffer.from(`${reply.bytes.length}\n`), reply.bytes]);

const told = (reply: Reply): string =>
  reply.kind === 'error' ? `error NOT_FOUND ${reply.text}` : `${reply.kind} ${reply.bytes.toString('hex')}`;

const bytesOf = (min: number) => fc.uint8Array({ minLength: min, maxLength: 300 }).map((bytes) => Buffer.from(bytes));
const replies = fc.array(
  fc.oneof(
    bytesOf(1).map((bytes): Reply => ({ kind: 'chunk', bytes })),
    bytesOf(0).map((bytes): Reply => ({ kind: 'document', bytes })),
    fc
      .tuple(fc.constantFrom('chunk' as const, 'document' as const), fc.stringMatching(/^[a-z ]{1,20}x$/))
      .map(([of, text]): Reply => ({ kind: 'error', of, text })),
  ),
  { minLength: 1, maxLength: 12 },
);

const SAMPLE: readonly Reply[] = [
  { kind: 'chunk', bytes: seededBytes(100, 1) },
  { kind: 'error', of: 'chunk', text: 'gone' },
  { kind: 'chunk', bytes: Buffer.from('E') },
  { kind: 'document', bytes: seededBytes(40, 2) },
  { kind: 'error', of: 'document', text: 'gone too' },
  { kind: 'document', bytes: Buffer.alloc(0) },
  { kind: 'chunk', bytes: Buffer.from('ERR NOT_FOUND as data\n') },
  { kind: 'chunk', bytes: seededBytes(3, 3) },
];

function runAll(
  list: readonly Reply[],
  parts: readonly Uint8Array[],
  isInPlace: (at: number) => boolean,
  slotCount = 2,
): Harness {
  const harness = new Harness(slotCount);
  for (const reply of list) harness.parser.expect(expectedOf(reply));
  for (const [at, part] of parts.entries()) harness.feed(part, isInPlace(at));
  return harness;
}

describe('reply parser', () => {
  const wire = Buffer.concat(SAMPLE.map(encode));

  test.each([true, false])('whole and byte by byte it gives the same replies (in place: %s)', (isInPlace) => {
    const expected = SAMPLE.map(told);
    expect(runAll(SAMPLE, [wire], () => isInPlace).got).toEqual(expected);
    expect(
      runAll(
        SAMPLE,
        [...wire].map((byte) => Uint8Array.of(byte)),
        () => isInPlace,
      ).got,
    ).toEqual(expected);
  });

  test.each([true, false])('split at every byte it gives the same replies (in place: %s)', (isInPlace) => {
    for (let at = 0; at <= wire.length; at += 1) {
      expect(runAll(SAMPLE, [wire.subarray(0, at), wire.subarray(at)], () => isInPlace).got).toEqual(SAMPLE.map(told));
    }
  });

  test('any mix of replies in any fragments, with slots short at any time, gives the same, and no slot is lost or given twice', () => {
    const cuts = fc.array(fc.tuple(fc.integer({ min: 1, max: 400 }), fc.boolean(), fc.boolean()), {
      minLength: 1,
      maxLength: 60,
    });
    fc.assert(
      fc.property(replies, cuts, fc.integer({ min: 1, max: 3 }), (list, plan, slotCount) => {
        const harness = new Harness(slotCount);
        for (const reply of list) harness.parser.expect(expectedOf(reply));
        let rest = Buffer.concat(list.map(encode));
        for (let at = 0; rest.length > 0; at += 1) {
          const [length, isInPlace, isReleasing] = plan[at % plan.length] ?? [1, true, true];
          if (isReleasing || harness.parser.isStarved) harness.releaseOne();
          harness.feed(rest.subarray(0, length), isInPlace);
          rest = rest.subarray(length);
        }
        expect(harness.got).toEqual(list.map(told));
        while (harness.held.length > 0) harness.releaseOne();
        harness.parser.close();
        expect(harness.owned.size).toBe(0);
        expect(harness.freeCount()).toBe(slotCount);
      }),
    );
  });

  test('closed in the middle of a chunk it gives its slot back once', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const harness = runAll(SAMPLE, [wire.subarray(0, seed % wire.length)], () => true);
        while (harness.held.length > 0) harness.releaseOne();
        harness.parser.close();
        harness.parser.close();
        expect(harness.freeCount()).toBe(harness.slotCount);
      }),
    );
  });

  test('PW8: bytes that nobody asked for break the protocol', () => {
    const harness = new Harness(1);
    expect(() => harness.feed(Buffer.from('5\n'), true)).toThrow('nobody asked for');
    const answered = new Harness(1);
    answered.parser.expect({ kind: 'chunk', sizeBytes: 3 });
    expect(() => answered.feed(Buffer.from('3\nabc3\nabc'), false)).toThrow('nobody asked for');
  });

  test.each(['4\nabcd', '03\nabc', '+3\nabc', '3 \nabc', '3\rabc', '-1\n', '\n', 'e', '33\n', 'HTTP/1.1 400', 'OK 3\n'])(
    'PW3: %j is not the header of a chunk of 3 bytes',
    (text) => {
      const harness = new Harness(1);
      harness.parser.expect({ kind: 'chunk', sizeBytes: 3 });
      expect(() => harness.feed(Buffer.from(text), true)).toThrow('answered');
      harness.parser.close();
      expect(harness.freeCount()).toBe(1);
    },
  );

  test('PW3: a document header without end is cut at byte 17, an ERR line at the limit of a line', () => {
    const header = new Harness(1);
    header.parser.expect({ kind: 'document', maxBytes: 1e15 });
    header.feed(Buffer.from('9'.repeat(16)), true);
    expect(() => header.feed(Buffer.from('9'), true)).toThrow('longer than 17');
    const line = new Harness(1);
    line.parser.expect({ kind: 'chunk', sizeBytes: CHUNK_BYTES });
    line.feed(Buffer.from('E'.repeat(LINE_MAX_BYTES - 1)), false);
    expect(() => line.feed(Buffer.from('E'), false)).toThrow('longer than');
  });

  test('a document at its limit comes, one byte past it is refused before memory is taken', () => {
    const harness = new Harness(1);
    harness.parser.expect({ kind: 'document', maxBytes: 5 });
    harness.parser.expect({ kind: 'document', maxBytes: 5 });
    harness.feed(Buffer.from('5\nabcde'), true);
    expect(harness.got).toHaveLength(1);
    expect(() => harness.feed(Buffer.from('6\n'), true)).toThrow('wants to send 6 bytes where 5');
  });

  test('PW13: what a peer says is escaped in errors', () => {
    const harness = new Harness(1);
    harness.parser.expect({ kind: 'chunk', sizeBytes: 3 });
    expect(() => harness.feed(Buffer.from('\u001b[31m'), true)).toThrow('\\u001b[31m');
  });
});

describe('news of chunks', () => {
  const NEWS = `HAVE @${'ab'.repeat(32)} 3-9`;
  type Item = Reply | { readonly kind: 'news'; readonly text: string };
  const encodeItem = (item: Item) => (item.kind === 'news' ? Buffer.from(`${item.text}\n`) : encode(item));
  const toldOf = (item: Item) => (item.kind === 'news' ? `news ${item.text}` : told(item));
  const news = (text: string): Item => ({ kind: 'news', text: `${NEWS},${text}` });
  const between: readonly Item[] = [
    news('20'),
    ...SAMPLE.flatMap((reply, at) => [
      reply,
      ...(at % 3 === 2 ? [] : [news(`${30 + at}`)]),
      ...(at % 2 === 1 ? [news('99')] : []),
    ]),
    news('40'),
    news('41'),
  ];

  function listening(slotCount: number, items: readonly Item[]): Harness {
    const harness = new Harness(slotCount);
    harness.parser.listen();
    for (const item of items) if (item.kind !== 'news') harness.parser.expect(expectedOf(item));
    return harness;
  }

  /** With more slots than chunks nothing waits; with fewer, chunks are handed on as soon as the parser starves. */
  test.each([
    [true, 5],
    [false, 5],
    [true, 1],
    [false, 1],
  ])(
    'before, between and behind replies come in order, split at every byte (in place: %s, slots: %d)',
    (isInPlace, slotCount) => {
      const wire = Buffer.concat(between.map(encodeItem));
      const expected = between.map(toldOf);
      for (let at = 0; at <= wire.length; at += 1) {
        const harness = listening(slotCount, between);
        harness.feed(wire.subarray(0, at), isInPlace);
        harness.feed(wire.subarray(at), isInPlace);
        while (harness.held.length > 0) harness.releaseOne();
        expect(harness.got).toEqual(expected);
        harness.parser.close();
        expect(harness.freeCount()).toBe(slotCount);
      }
    },
  );

  test('in any mix and any fragments, with requests that are sent at any time before their reply, give the same', () => {
    const items = fc.array(
      fc.oneof(
        replies.map(([reply]) => reply as Item),
        fc.nat(99).map((chunk) => news(`${10 + chunk}`)),
      ),
      {
        minLength: 1,
        maxLength: 12,
      },
    );
    const cuts = fc.array(fc.tuple(fc.integer({ min: 1, max: 400 }), fc.boolean(), fc.boolean()), {
      minLength: 1,
      maxLength: 40,
    });
    fc.assert(
      fc.property(items, cuts, fc.integer({ min: 1, max: 3 }), fc.nat(3), (list, plan, slotCount, aheadCount) => {
        const harness = new Harness(slotCount);
        harness.parser.listen();
        // Where each item ends on the wire: a request is sent when the reply `aheadCount` before it is through, at the latest.
        const due = list.filter((item): item is Reply => item.kind !== 'news');
        const ask = (count: number) => {
          for (const reply of due.splice(0, count)) harness.parser.expect(expectedOf(reply));
        };
        ask(aheadCount);
        let cut = 0;
        for (const item of list) {
          if (item.kind !== 'news') ask(1);
          for (let rest = encodeItem(item); rest.length > 0; cut += 1) {
            const [length, isInPlace, isReleasing] = plan[cut % plan.length] ?? [1, true, true];
            if (isReleasing || harness.parser.isStarved) harness.releaseOne();
            harness.feed(rest.subarray(0, length), isInPlace);
            rest = rest.subarray(length);
          }
        }
        while (harness.held.length > 0) harness.releaseOne();
        expect(harness.got).toEqual(list.map(toldOf));
        harness.parser.close();
        expect(harness.owned.size).toBe(0);
        expect(harness.freeCount()).toBe(slotCount);
      }),
    );
  });

  test('wait behind a chunk for which no slot is free, and are told behind it', () => {
    const harness = listening(1, []);
    const other = harness.slots.take();
    harness.parser.expect({ kind: 'chunk', sizeBytes: 3 });
    expect(harness.parser.isStarved).toBe(true);
    const wire = Buffer.from(`${NEWS}\n3\nabc${NEWS},20\n`);
    const rest = harness.parser.receive(wire);
    expect(harness.got).toEqual([]);
    expect(rest).toEqual(Uint8Array.from(wire));
    if (other !== undefined) harness.slots.release(other);
    expect(harness.parser.retrySlot()).toBe(true);
    expect(harness.parser.receive(rest ?? new Uint8Array(0))).toBeUndefined();
    expect(harness.got).toEqual([`news ${NEWS}`, 'chunk 616263', `news ${NEWS},20`]);
  });

  test('do not make a peer younger: of a reply that is due nothing is here after a line of news', () => {
    const harness = listening(1, []);
    harness.parser.expect({ kind: 'chunk', sizeBytes: 3 });
    harness.feed(Buffer.from(NEWS), true);
    expect(harness.parser.replyBytes).toBe(NEWS.length);
    harness.feed(Buffer.from('\n3\n'), true);
    expect(harness.parser.replyBytes).toBe(2);
  });

  test('that nobody listens to break the protocol, wherever they come', () => {
    for (const expected of [undefined, { kind: 'chunk', sizeBytes: 3 }, { kind: 'document', maxBytes: 100 }] as const) {
      const harness = new Harness(1);
      if (expected !== undefined) harness.parser.expect(expected);
      expect(() => harness.feed(Buffer.from(`${NEWS}\n`), true)).toThrow(/nobody asked for|answered|longer than/);
      expect(harness.got).toEqual([]);
      harness.parser.close();
      expect(harness.freeCount()).toBe(1);
    }
  });

  test('are a line: at the limit they come, without end they break the protocol, and another line that nobody asked for does too', () => {
    const harness = listening(1, []);
    const longest = `${NEWS} x=`.padEnd(LINE_MAX_BYTES - 1, '1');
    harness.feed(Buffer.from(`${longest}\n`), true);
    expect(harness.got).toEqual([`news ${longest}`]);
    expect(() => harness.feed(Buffer.from(`${longest}1`), true)).toThrow('longer than');
    for (const line of ['ERR BUSY no\n', '5\n', 'HAVENT @x 1\n'])
      expect(() => listening(1, []).feed(Buffer.from(line), true)).toThrow('nobody asked for');
  });

  test('may end the connection: whoever hears them closes the parser, and no slot is lost', () => {
    const slots = new SlotMemory(1);
    const parser: ReplyParser = new ReplyParser({
      takeSlot: () => slots.take(),
      releaseSlot: (slot) => slots.release(slot),
      chunk: () => undefined,
      document: () => undefined,
      refused: () => undefined,
      news: () => parser.close(),
    });
    parser.listen();
    parser.expect({ kind: 'chunk', sizeBytes: 3 });
    parser.receive(Buffer.from(`${NEWS}\n`));
    expect(slots.take()).toBeDefined();
  });
});
