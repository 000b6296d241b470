import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { FairGate, type Seat } from './fair-gate.js';

const IP = '192.0.2.7';

/** One who passes a gate: all that it may, more than it may, a bit now and then, or nothing though it says that it would. */
interface Guest {
  readonly seat: Seat;
  readonly kind: 'sender' | 'reader' | 'slow' | 'idle';
  passedBytes: number;
}

/** A gate and its guests, in time that the test makes. */
class Party {
  readonly gate: FairGate;
  readonly guests: Guest[] = [];
  /** What passed, and when. */
  readonly log: { readonly atMs: number; readonly bytes: number }[] = [];
  nowMs = 0;
  #dueMs: number | undefined;

  constructor(rate: number) {
    this.gate = new FairGate(rate, 0);
  }

  add(kind: Guest['kind']): Guest {
    const guest: Guest = { kind, passedBytes: 0, seat: this.gate.seat(IP, () => undefined) };
    this.gate.want(guest.seat, true, this.nowMs);
    this.guests.push(guest);
    return guest;
  }

  /** Everybody does what it may, again and again, for so long. `lateMs` says how late each timer is. */
  run(forMs: number, readShare: () => number, lateMs: () => number, slowBytesPerMs = 0): void {
    const endMs = this.nowMs + forMs;
    while (this.nowMs < endMs) {
      for (const guest of this.guests) this.#pass(guest, readShare);
      this.#dueMs ??= this.gate.isTicking ? this.nowMs + this.gate.waitMs(this.nowMs) + lateMs() : undefined;
      const beforeMs = this.nowMs;
      this.nowMs = Math.min(endMs, this.#dueMs ?? this.nowMs + 5);
      if (this.#dueMs !== undefined && this.nowMs >= this.#dueMs) {
        this.#dueMs = undefined;
        this.gate.tick(this.nowMs);
      }
      this.#slowBytes += (this.nowMs - beforeMs) * slowBytesPerMs;
    }
  }

  #slowBytes = 0;

  #pass(guest: Guest, readShare: () => number): void {
    if (guest.kind === 'idle') return;
    for (;;) {
      const allowed = this.gate.allowedBytes(guest.seat, this.nowMs);
      if (allowed < 1) return;
      let bytes = allowed;
      // A reader learns afterwards how much a read brought; at most what it offered room for.
      if (guest.kind === 'reader') bytes = Math.max(1, Math.round(this.gate.readBytes * readShare()));
      if (guest.kind === 'slow') bytes = Math.min(allowed, Math.floor(this.#slowBytes));
      if (bytes === 0) return;
      if (guest.kind === 'slow') this.#slowBytes -= bytes;
      this.gate.pay(guest.seat, bytes, this.nowMs);
      guest.passedBytes += bytes;
      this.log.push({ atMs: this.nowMs, bytes });
    }
  }
}

/** Numbers of 0 to 1 that are the same for the same seed. */
function chanceOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const anyRate = fc.integer({ min: 10, max: 30 }).map((power) => 2 ** power);
const anyCount = fc.integer({ min: 1, max: 40 });
const sum = (numbers: readonly number[]) => numbers.reduce((total, one) => total + one, 0);

describe('fair gate', () => {
  test('senders: the cap holds within 5 % over 10 s, is used up, and each gets the same', () => {
    fc.assert(
      fc.property(anyRate, anyCount, fc.nat(), (rate, count, seed) => {
        const chance = chanceOf(seed);
        const party = new Party(rate);
        for (let at = 0; at < count; at += 1) party.add('sender');
        party.run(10_000, chance, () => 30 * chance());
        const passed = party.guests.map((guest) => guest.passedBytes);
        expect(sum(passed) / (rate * 10)).toBeLessThanOrEqual(1.05);
        expect(sum(passed) / (rate * 10)).toBeGreaterThanOrEqual(0.95);
        // The burst of the beginning, a quarter of a second, goes to whoever came first, and at the end a turn may be half over.
        expect(Math.max(...passed) - Math.min(...passed)).toBeLessThanOrEqual(rate * 0.36);
      }),
      { numRuns: 30 },
    );
  });

  test('readers, who overdraw: the cap holds within 5 % over 10 s, is used up, and each gets about the same', () => {
    fc.assert(
      fc.property(anyRate, fc.integer({ min: 1, max: 8 }), fc.nat(), (rate, count, seed) => {
        const chance = chanceOf(seed);
        const party = new Party(rate);
        for (let at = 0; at < count; at += 1) party.add('reader');
        party.run(10_000, chance, () => 30 * chance());
        const passed = party.guests.map((guest) => guest.passedBytes);
        expect(sum(passed) / (rate * 10)).toBeLessThanOrEqual(1.05);
        expect(sum(passed) / (rate * 10)).toBeGreaterThanOrEqual(0.95);
        expect(Math.max(...passed) - Math.min(...passed)).toBeLessThanOrEqual(rate * 0.4 + (rate * 10 * 0.1) / count);
      }),
      { numRuns: 30 },
    );
  });

  test('who wants little gets all of it, who wants nothing costs nothing, and the busy ones have the rest', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 14, max: 30 }).map((power) => 2 ** power),
        fc.integer({ min: 0, max: 30 }),
        (rate, idle) => {
          const party = new Party(rate);
          for (let at = 0; at < idle; at += 1) party.add('idle');
          const busy = [party.add('sender'), party.add('sender')];
          const slow = party.add('slow');
          party.run(
            10_000,
            () => 1,
            () => 1,
            rate / 1000 / 10,
          );
          expect(slow.passedBytes / rate).toBeGreaterThanOrEqual(0.9);
          expect(sum(busy.map((guest) => guest.passedBytes)) / rate).toBeGreaterThanOrEqual(8.5);
          expect(sum(party.log.map(({ bytes }) => bytes)) / (rate * 10)).toBeLessThanOrEqual(1.05);
        },
      ),
      { numRuns: 30 },
    );
  });

  test('whoever comes waits for a turn of each before it, and no longer', () => {
    const rate = 100_000;
    const party = new Party(rate);
    for (let at = 0; at < 5; at += 1) party.add('sender');
    party.run(
      5000,
      () => 1,
      () => 0,
    );
    const late = party.add('sender');
    const cameMs = party.nowMs;
    while (late.passedBytes === 0)
      party.run(
        1,
        () => 1,
        () => 0,
      );
    expect(party.nowMs - cameMs).toBeLessThan(7 * 50);
  });

  test('what is small passes at once when nobody has used up the burst', () => {
    const gate = new FairGate(10_000, 0);
    const seat = gate.seat(IP, () => undefined);
    gate.want(seat, true, 0);
    expect([gate.allowedBytes(seat, 0), gate.isTicking]).toEqual([2500, false]);
  });

  test('tells everybody to stop as soon as the bucket is empty, and to go on at the tick', () => {
    const gate = new FairGate(10_000, 0);
    const turned: string[] = [];
    const [near, far] = ['near', 'far'].map((name) => gate.seat(IP, () => turned.push(name)));
    if (near === undefined || far === undefined) throw new Error('no seats');
    for (const seat of [near, far]) gate.want(seat, true, 0);
    gate.pay(near, 2600, 0);
    expect([turned.splice(0), gate.allowedBytes(far, 0), gate.isTicking]).toEqual([['near', 'far'], 0, true]);
    const dueMs = gate.waitMs(0);
    expect(dueMs).toBeCloseTo(60);
    gate.tick(dueMs - 1);
    expect(turned).toEqual([]);
    gate.tick(2 * dueMs);
    expect(turned).toEqual(['near', 'far']);
    expect([near, far].map((seat) => gate.allowedBytes(seat, 2 * dueMs))).toEqual([550, 550]);
  });

  test('sends pieces that are worth it, also when time goes on between any two looks', () => {
    const gate = new FairGate(20_000_000, 0);
    const seat = gate.seat(IP, () => undefined);
    gate.want(seat, true, 0);
    let pieceCount = 0;
    let dueMs = Number.POSITIVE_INFINITY;
    for (let nowMs = 0; nowMs < 1000; nowMs += 0.01) {
      if (nowMs >= dueMs) {
        gate.tick(nowMs);
        dueMs = Number.POSITIVE_INFINITY;
      }
      const bytes = gate.allowedBytes(seat, nowMs);
      if (bytes > 0) {
        gate.pay(seat, bytes, nowMs + 0.005);
        pieceCount += 1;
      }
      if (gate.isTicking && dueMs === Number.POSITIVE_INFINITY) dueMs = nowMs + gate.waitMs(nowMs);
    }
    expect(pieceCount).toBeLessThan(60);
  });

  test('gives no second share to whoever goes and comes again', () => {
    const gate = new FairGate(10_000, 0);
    const [one, other] = [gate.seat(IP, () => undefined), gate.seat(IP, () => undefined)];
    for (const seat of [one, other]) gate.want(seat, true, 0);
    gate.pay(one, 2500, 0);
    gate.tick(200);
    expect(gate.allowedBytes(one, 200)).toBe(1000);
    gate.pay(one, 1000, 200);
    gate.want(one, false, 200);
    gate.want(one, true, 201);
    expect([gate.allowedBytes(one, 201), gate.allowedBytes(other, 201)]).toEqual([0, 1000]);
  });

  test('nobody is at the gate: nothing ticks, and whoever comes next meets no rationing of old', () => {
    const gate = new FairGate(10_000, 0);
    const seat = gate.seat(IP, () => undefined);
    gate.want(seat, true, 0);
    gate.pay(seat, 2600, 0);
    gate.want(seat, false, 0);
    expect([gate.isTicking, gate.isFull(0)]).toEqual([false, false]);
    gate.want(seat, true, 100);
    expect([gate.allowedBytes(seat, 100), gate.isTicking, gate.isFull(1000)]).toEqual([900, false, true]);
  });
});
