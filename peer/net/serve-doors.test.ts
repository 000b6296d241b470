import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { sourceOf } from '../../common/core/peer-address.js';
import { type Guest, LEAVING_MAX_COUNT, ServeDoors } from './serve-doors.js';

class Stranger implements Guest {
  isCut = false;
  use: Guest['use'];
  readonly remoteIp: string;

  constructor(remoteIp: string, use: Guest['use'] = 'busy') {
    this.remoteIp = remoteIp;
    this.use = use;
  }

  destroy(): void {
    this.isCut = true;
  }
}

const LIMITS = { streamsMaxCount: 6, perSourceMaxCount: 3 };

describe('the doors', () => {
  test('MX1: never more than the caps, whoever comes and goes, and nobody of a source with fewer streams is cut off for another', () => {
    const anyStep = fc.record({
      ip: fc.constantFrom('192.0.2.1', '192.0.2.2', '192.0.2.3', '2001:db8::1', '2001:db8::2', '127.0.0.1'),
      use: fc.constantFrom('gone' as const, 'idle' as const, 'busy' as const),
      leaver: fc.option(fc.nat(5)),
    });
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 60 }), (steps) => {
        const doors = new ServeDoors<Stranger>(LIMITS);
        let inside: Stranger[] = [];
        for (const { ip, use, leaver } of steps) {
          const leaving = leaver === null ? undefined : inside[leaver];
          if (leaving !== undefined) doors.forget(leaving);
          inside = inside.filter((one) => one !== leaving);
          const countOf = (source: string) => inside.filter((one) => sourceOf(one.remoteIp) === source).length;
          const before = new Map(inside.map((one) => [one, countOf(sourceOf(one.remoteIp))]));
          const comer = new Stranger(ip, use);
          if (doors.admit(comer)) inside.push(comer);
          const cut = inside.filter((one) => one.isCut);
          expect(cut.length).toBeLessThanOrEqual(1);
          for (const one of cut) {
            if (sourceOf(one.remoteIp) === sourceOf(ip)) expect(one.use).toBe('gone');
            else expect(before.get(one)).toBeGreaterThan(countOf(sourceOf(ip)));
          }
          inside = inside.filter((one) => !one.isCut);
          expect(inside.length).toBeLessThanOrEqual(LIMITS.streamsMaxCount);
          for (const one of inside) {
            if (one.remoteIp !== '127.0.0.1')
              expect(countOf(sourceOf(one.remoteIp))).toBeLessThanOrEqual(LIMITS.perSourceMaxCount);
          }
        }
      }),
    );
  });

  test('MX1: a newcomer has a place though all are taken, and of the largest crowd the one goes that is of least use', () => {
    const doors = new ServeDoors<Stranger>(LIMITS);
    const crowd = [new Stranger('127.0.0.1'), new Stranger('127.0.0.1', 'idle'), new Stranger('127.0.0.1', 'idle')];
    const others = ['192.0.2.1', '192.0.2.1', '192.0.2.2'].map((ip) => new Stranger(ip, 'idle'));
    for (const guest of [...crowd, ...others]) expect(doors.admit(guest)).toBe(true);
    expect(doors.admit(new Stranger('192.0.2.3'))).toBe(true);
    expect([crowd.map(({ isCut }) => isCut), others.some(({ isCut }) => isCut)]).toEqual([[false, true, false], false]);
  });

  test('MX1: one more of a source at its cap is refused, unless the other side of one has ended its half', () => {
    const doors = new ServeDoors<Stranger>(LIMITS);
    const mates = Array.from({ length: 3 }, () => new Stranger('2001:db8::7', 'idle'));
    for (const mate of mates) doors.admit(mate);
    expect(doors.admit(new Stranger('2001:db8::8'))).toBe(false);
    const [first] = mates;
    if (first !== undefined) first.use = 'gone';
    expect([doors.admit(new Stranger('2001:db8::9')), first?.isCut]).toEqual([true, true]);
  });

  test('MX1: of those that were refused and stay, the oldest are cut off', () => {
    const doors = new ServeDoors<Stranger>({ streamsMaxCount: 1, perSourceMaxCount: 1 });
    doors.admit(new Stranger('192.0.2.1'));
    const refused = Array.from({ length: LEAVING_MAX_COUNT + 2 }, () => new Stranger('192.0.2.1'));
    for (const guest of refused) expect(doors.admit(guest)).toBe(false);
    expect(refused.filter(({ isCut }) => isCut)).toEqual(refused.slice(0, 2));
  });
});
