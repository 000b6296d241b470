import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { CHUNK_BYTES } from '../../common/core/limits.js';
import { parseContentRoot } from '../../common/core/root.js';
import { errorCode } from '../../common/testkit/error-code.js';
import { type Upload, UploadQueue, type UploadSeat } from './upload-queue.js';

const ROOT = parseContentRoot('ab'.repeat(32));
const CHUNK_COUNT = 1000;

const uploadOf = (chunkIndex: number, lengthBytes = CHUNK_BYTES, isWhole = true): Upload => ({
  root: ROOT,
  chunkIndex,
  chunkCount: CHUNK_COUNT,
  lengthBytes,
  isWhole,
});

/** A connection as the queue sees it: one request that may wait, grants, and what came of it all. */
class Asker {
  readonly seat: UploadSeat;
  readonly #room: Room;
  head: Upload | undefined;
  readonly granted: Upload[] = [];
  grantedBytes = 0;
  busyCount = 0;

  constructor(room: Room, isSwarm: boolean, ip = '192.0.2.7') {
    this.#room = room;
    this.seat = room.queue.join(ip, (verdict) => this.#take(verdict));
    this.seat.isSwarm = isSwarm;
  }

  ask(upload: Upload): string {
    this.head = upload;
    const verdict = this.#room.queue.ask(this.seat, upload);
    if (verdict !== 'waiting') this.#take(verdict);
    return verdict;
  }

  /** Gives the oldest grant back. */
  giveBack(isSent = true): void {
    const upload = this.granted.shift();
    if (upload === undefined) return;
    if (!isSent) this.#room.counts.set(upload.chunkIndex, this.#room.countOf(upload) - 1);
    this.#room.queue.giveBack(this.seat, upload, isSent);
  }

  #take(verdict: 'granted' | 'busy'): void {
    const upload = this.head;
    if (upload === undefined) throw new Error('an answer to nothing');
    this.#room.answered(this, upload, verdict);
    this.head = undefined;
    if (verdict === 'busy') this.busyCount += 1;
    else {
      this.granted.push(upload);
      this.grantedBytes += upload.lengthBytes;
      this.#room.grantOrder.push(this);
      this.#room.counts.set(upload.chunkIndex, this.#room.countOf(upload) + 1);
      this.#room.grantTaken(this);
    }
  }
}

/** A queue, its askers, and what is known of it from outside. */
class Room {
  readonly queue: UploadQueue;
  readonly askers: Asker[];
  readonly counts = new Map<number, number>();
  /** Whose grants are out, the oldest first. */
  readonly grantOrder: Asker[] = [];
  /** Called once an asker may ask again. */
  grantTaken: (asker: Asker) => void = () => undefined;
  answered: (asker: Asker, upload: Upload, verdict: 'granted' | 'busy') => void = () => undefined;

  constructor(slotCount: number, swarms: readonly boolean[]) {
    this.queue = new UploadQueue(slotCount);
    this.askers = swarms.map((isSwarm) => new Asker(this, isSwarm));
  }

  countOf({ chunkIndex }: Upload): number {
    return this.counts.get(chunkIndex) ?? 0;
  }

  at(index: number): Asker {
    const asker = this.askers[index % this.askers.length];
    if (asker === undefined) throw new Error('nobody is there');
    return asker;
  }

  giveBackOldest(): void {
    this.grantOrder.shift()?.giveBack();
  }
}

type Step = {
  readonly do: 'ask' | 'sent' | 'failed' | 'take' | 'take nothing' | 'leave';
  readonly who: number;
  readonly chunk: number;
};

const anyStep: fc.Arbitrary<Step> = fc.record({
  do: fc.constantFrom('ask', 'ask', 'ask', 'ask', 'sent', 'sent', 'failed', 'take', 'take nothing', 'leave'),
  who: fc.nat(7),
  chunk: fc.nat(5),
});

function run(room: Room, step: Step): void {
  const asker = room.at(step.who);
  switch (step.do) {
    case 'ask':
      if (asker.head === undefined && asker.granted.length < 2) asker.ask(uploadOf(step.chunk));
      return;
    case 'sent':
      asker.giveBack();
      return;
    case 'failed':
      asker.giveBack(false);
      return;
    case 'take':
      room.queue.took(asker.seat, CHUNK_BYTES);
      return;
    case 'take nothing':
      for (let second = 0; second < 20; second += 1) room.queue.took(asker.seat, 0);
      return;
    case 'leave':
      asker.head = undefined;
      room.queue.takeBack(asker.seat);
      return;
  }
}

const anySwarms = fc.array(fc.boolean(), { minLength: 2, maxLength: 8 });
const anySlotCount = fc.integer({ min: 1, max: 9 });

describe('the upload queue', () => {
  test('keeps its books whatever happens: nobody waits for a free slot, nobody is answered twice, strangers are never put off', () => {
    fc.assert(
      fc.property(anySlotCount, anySwarms, fc.array(anyStep, { maxLength: 120 }), (slotCount, swarms, steps) => {
        const room = new Room(slotCount, swarms);
        room.answered = (asker, upload, verdict) => {
          if (verdict === 'granted') return;
          expect(asker.seat.isSwarm).toBe(true);
          expect(room.countOf(upload)).toBeGreaterThan(0);
          expect(room.queue.load.usedSlotCount).toBeGreaterThanOrEqual(slotCount);
        };
        for (const step of steps) {
          run(room, step);
          const { usedSlotCount, waitingCount } = room.queue.load;
          const counted = room.askers.filter((asker) => !asker.seat.pace.isLight).flatMap((asker) => asker.granted);
          expect(usedSlotCount).toBe(counted.length);
          expect(waitingCount).toBe(room.askers.filter((asker) => asker.head !== undefined).length);
          expect(waitingCount === 0 || usedSlotCount >= slotCount).toBe(true);
        }
      }),
    );
  });

  test('leaves nobody waiting once everything that was granted is sent, and then all slots are free', () => {
    fc.assert(
      fc.property(anySlotCount, anySwarms, fc.array(anyStep, { maxLength: 60 }), (slotCount, swarms, steps) => {
        const room = new Room(slotCount, swarms);
        for (const step of steps) run(room, step);
        while (room.askers.some((asker) => asker.granted.length > 0)) for (const asker of room.askers) asker.giveBack();
        expect(room.queue.load).toMatchObject({ usedSlotCount: 0, waitingCount: 0 });
      }),
    );
  });

  test('does not send a chunk twice while another waits for one that did not go out', () => {
    // Fewer grants than anybody's patience: what is owed to those who were put off for long is a law of its own, below.
    const steps = fc.array(anyStep, { maxLength: 30 });
    fc.assert(
      fc.property(anySlotCount, fc.integer({ min: 2, max: 8 }), steps, (slotCount, askerCount, taken) => {
        const room = new Room(
          slotCount,
          Array.from({ length: askerCount }, () => true),
        );
        room.answered = (asker, upload, verdict) => {
          if (verdict === 'busy') return;
          const others = room.askers.filter((other) => other !== asker && other.head !== undefined);
          if (others.some((other) => room.countOf(other.head as Upload) === 0)) expect(room.countOf(upload)).toBe(0);
        };
        for (const step of taken) run(room, step);
      }),
    );
  });

  test('gives connections that always want bytes within one chunk of each other', () => {
    const anyLength = fc.oneof(fc.constant(CHUNK_BYTES), fc.integer({ min: CHUNK_BYTES / 8, max: CHUNK_BYTES }));
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 8 }),
        anySlotCount,
        fc.boolean(),
        fc.array(anyLength, { minLength: 100, maxLength: 200 }),
        (askerCount, slotCount, isSwarm, lengths) => {
          const room = new Room(
            slotCount,
            Array.from({ length: askerCount }, () => isSwarm),
          );
          // Chunks that nobody got yet: what goes out less often has its own law.
          let chunkIndex = 0;
          const askNext = (asker: Asker) => {
            asker.ask(uploadOf(chunkIndex % CHUNK_COUNT, lengths[chunkIndex % lengths.length]));
            chunkIndex += 1;
          };
          // All slots are taken when they come, so that all of them wait from the beginning.
          const before = new Asker(room, false);
          for (let left = slotCount; left > 0; left -= 1) before.ask(uploadOf(CHUNK_COUNT - left));
          room.grantTaken = askNext;
          for (const asker of room.askers) askNext(asker);
          for (let left = 100; left > 0; left -= 1) {
            room.giveBackOldest();
            const got = room.askers.map((asker) => asker.grantedBytes);
            expect(Math.max(...got) - Math.min(...got)).toBeLessThanOrEqual(CHUNK_BYTES);
          }
        },
      ),
    );
  });

  test('gives who comes late its share and no more: what it did not ask for is not made up for', () => {
    const room = new Room(1, [false, false]);
    const [early, late] = [room.at(0), room.at(1)];
    for (let chunk = 0; chunk < 100; chunk += 1) {
      early.ask(uploadOf(chunk));
      if (early.granted.length === 1) room.giveBackOldest();
    }
    early.ask(uploadOf(100));
    for (let chunk = 0; chunk < 20; chunk += 1) {
      for (const asker of room.askers) if (asker.head === undefined) asker.ask(uploadOf(chunk));
      room.giveBackOldest();
    }
    expect(Math.abs(late.grantedBytes - 10 * CHUNK_BYTES)).toBeLessThanOrEqual(CHUNK_BYTES);
  });

  test('serves who waited longest where all else is equal', () => {
    const room = new Room(1, [false, false, false]);
    const order: number[] = [];
    room.answered = (asker) => order.push(room.askers.indexOf(asker));
    for (const who of [1, 2, 0]) room.at(who).ask(uploadOf(who));
    while (room.grantOrder.length > 0) room.giveBackOldest();
    expect(order).toEqual([1, 2, 0]);
  });

  test('puts off the one whose chunk went out already, as soon as somebody waits for a chunk that did not', () => {
    const room = new Room(1, [true, true, true]);
    const [first, second, third] = [room.at(0), room.at(1), room.at(2)];
    expect([first.ask(uploadOf(0)), second.ask(uploadOf(0))]).toEqual(['granted', 'waiting']);
    expect(third.ask(uploadOf(1))).toBe('waiting');
    expect([second.busyCount, third.busyCount]).toEqual([1, 0]);
    expect(second.ask(uploadOf(0))).toBe('busy');
    room.giveBackOldest();
    expect(third.granted).toHaveLength(1);
  });

  test('puts a crowd off a few at a time, so that it holds up nobody', () => {
    const room = new Room(1, new Array(60).fill(true));
    for (let at = 0; at < 59; at += 1) room.at(at).ask(uploadOf(0));
    const busyCount = () => room.askers.reduce((sum, asker) => sum + asker.busyCount, 0);
    expect([room.at(59).ask(uploadOf(1)), busyCount()]).toEqual(['waiting', 16]);
    room.giveBackOldest();
    // The fresh chunk is on its way now, and nobody is put off for another.
    expect([room.at(59).granted.length, busyCount()]).toEqual([1, 16]);
  });

  test('puts nobody off where it has a part itself: they wait, behind those whose chunk did not go out', () => {
    const room = new Room(1, [true, true, true]);
    const [first, second, third] = [room.at(0), room.at(1), room.at(2)];
    expect([first.ask(uploadOf(0)), second.ask(uploadOf(0, CHUNK_BYTES, false))]).toEqual(['granted', 'waiting']);
    expect(third.ask(uploadOf(1, CHUNK_BYTES, false))).toBe('waiting');
    room.giveBackOldest();
    expect([second.granted.length, third.granted.length]).toEqual([0, 1]);
    room.giveBackOldest();
    expect([second.granted.length, second.busyCount]).toEqual([1, 0]);
  });

  test('counts a chunk that was not sent after all as one that was not', () => {
    const room = new Room(1, [true, true]);
    room.at(0).ask(uploadOf(0));
    room.at(0).giveBack(false);
    expect(room.at(0).ask(uploadOf(1))).toBe('granted');
    expect(room.at(1).ask(uploadOf(0))).toBe('waiting');
    room.at(0).giveBack();
    room.at(0).ask(uploadOf(2));
    expect(room.at(1).busyCount).toBe(0);
  });

  test('puts nobody off for ever: who always asks for what went out already is served now and then beside strangers', () => {
    const room = new Room(1, [true, false, false]);
    const patient = room.at(0);
    let grantCount = 0;
    for (; patient.grantedBytes === 0 && grantCount < 500; grantCount += 1) {
      for (const stranger of [room.at(1), room.at(2)]) if (stranger.head === undefined) stranger.ask(uploadOf(0));
      if (patient.head === undefined) patient.ask(uploadOf(0));
      room.giveBackOldest();
    }
    expect(patient.busyCount).toBeGreaterThan(10);
    expect(grantCount).toBeLessThan(150);
  });

  test('lets small chunks share a slot', () => {
    const room = new Room(1, [false, false]);
    for (let chunk = 0; chunk < 16; chunk += 1) expect(room.at(0).ask(uploadOf(chunk, 1000))).toBe('granted');
    expect(room.at(1).ask(uploadOf(0))).toBe('waiting');
    for (let chunk = 0; chunk < 16; chunk += 1) room.giveBackOldest();
    expect(room.at(1).granted).toHaveLength(1);
  });

  test('lets no side that takes next to nothing hold a slot, until it goes on', () => {
    const room = new Room(1, [false, false]);
    const [slow, other] = [room.at(0), room.at(1)];
    slow.ask(uploadOf(0));
    expect(other.ask(uploadOf(1))).toBe('waiting');
    room.queue.took(slow.seat, 1);
    expect(other.granted).toHaveLength(0);
    for (let second = 0; second < 10; second += 1) room.queue.took(slow.seat, 1);
    expect(other.granted).toHaveLength(1);
    room.queue.took(slow.seat, CHUNK_BYTES);
    expect(room.queue.load.usedSlotCount).toBe(2);
    other.giveBack();
    expect(other.ask(uploadOf(2))).toBe('waiting');
    slow.giveBack();
    expect(room.queue.load).toMatchObject({ usedSlotCount: 1, waitingCount: 0 });
  });

  test('does not take for slow who only waits, and hears some news meanwhile', () => {
    const room = new Room(1, [false, false]);
    const [first, patient] = [room.at(0), room.at(1)];
    first.ask(uploadOf(0));
    patient.ask(uploadOf(1));
    for (let second = 0; second < 20; second += 1) room.queue.took(patient.seat, 100);
    room.giveBackOldest();
    expect([patient.granted.length, room.queue.load.usedSlotCount]).toEqual([1, 1]);
  });

  test('lets a crowd of slow readers cost a fast one nothing, once it was seen what the link carries', () => {
    const slowRateBytes = 50_000;
    const room = new Room(
      8,
      Array.from({ length: 101 }, () => false),
    );
    const [fast, ...slow] = room.askers as [Asker, ...Asker[]];
    const left = new Map<Asker, number>();
    let fastBytes = 0;
    for (let second = 0; second < 120; second += 1) {
      let tookBytes = 0;
      for (const asker of slow) {
        if (asker.head === undefined && asker.granted.length < 2) asker.ask(uploadOf(0));
        const took = asker.granted.length > 0 ? slowRateBytes : 0;
        const rest = (left.get(asker) ?? CHUNK_BYTES) - took;
        if (rest <= 0) asker.giveBack();
        left.set(asker, rest <= 0 ? CHUNK_BYTES : rest);
        room.queue.took(asker.seat, took);
        tookBytes += took;
      }
      // The fast one takes a chunk as soon as it has one, up to a hundred a second.
      const before = fast.grantedBytes;
      for (let chunk = 0; chunk < 100; chunk += 1) {
        if (fast.head === undefined && fast.granted.length < 2) fast.ask(uploadOf(0));
        fast.giveBack();
      }
      room.queue.took(fast.seat, fast.grantedBytes - before);
      tookBytes += fast.grantedBytes - before;
      if (second >= 60) fastBytes += fast.grantedBytes - before;
      room.queue.tick(tookBytes, 1000 * second);
    }
    expect(fastBytes / 60 / CHUNK_BYTES).toBeGreaterThan(90);
  });

  test('refuses a grant that comes back a second time, and a second request beside one that waits', () => {
    const room = new Room(1, [false, false]);
    const [first, second] = [room.at(0), room.at(1)];
    first.ask(uploadOf(0));
    second.ask(uploadOf(1));
    expect(errorCode(() => second.ask(uploadOf(2)))).toBe('INTERNAL');
    first.giveBack();
    expect(errorCode(() => room.queue.giveBack(first.seat, uploadOf(0), true))).toBe('INTERNAL');
  });

  test('says how busy it is', () => {
    const room = new Room(4, [false, false, false]);
    for (const asker of room.askers) for (const chunk of [0, 1]) if (asker.head === undefined) asker.ask(uploadOf(chunk));
    room.queue.tick(3_000_000, 1000);
    expect(room.queue.load).toEqual({ slotCount: 4, usedSlotCount: 4, waitingCount: 1, rateBytes: 1_000_000 });
  });
});
