import { describe, expect, test } from '@jest/globals';
import { BanList } from './ban-list.js';

const at = (ip: string, port = 1) => ({ ip, port });

describe('a ban', () => {
  test('holds an address and port, and says whether it was for wrong data', () => {
    const bans = new BanList();
    bans.ban(at('192.0.2.1'), false);
    expect([bans.isBanned(at('192.0.2.1')), bans.isLiar(at('192.0.2.1'))]).toEqual([true, false]);
    expect(bans.isBanned(at('192.0.2.1', 2))).toBe(false);
    bans.ban(at('192.0.2.1'), true);
    bans.ban(at('192.0.2.1'), false);
    expect(bans.isLiar(at('192.0.2.1'))).toBe(true);
  });

  /** Bans so many addresses, each twice, and says whether `ip` is struck then. */
  function isStruckBy(count: number, address: (at: number) => { ip: string; port: number }, ip: string): boolean {
    const bans = new BanList();
    for (let one = 0; one < count; one += 1) for (const isLiar of [true, false]) bans.ban(address(one), isLiar);
    return bans.isStruck(ip);
  }

  test.each([
    ['ports of an IP address', 3, '192.0.2.1', (port: number) => at('192.0.2.1', port)],
    ['ports of an IPv6 address', 3, '2001:db8::1', (port: number) => at('2001:db8::1', port)],
    ['addresses of an IPv6 network', 16, '2001:db8::ff:1', (one: number) => at(`2001:db8::${one + 1}`)],
  ] as const)('MP8: of so many %s as are put up with, the last one takes the others with it', (_what, count, ip, address) => {
    expect(isStruckBy(count - 1, address, ip)).toBe(false);
    expect(isStruckBy(count, address, ip)).toBe(true);
  });

  test.each([
    ['this machine', '127.0.0.1', (port: number) => at('127.0.0.1', port)],
    ['a network of other hosts', '192.0.2.200', (one: number) => at(`192.0.2.${one}`)],
    ['a local IPv6 network', 'fd00::ffff', (one: number) => at(`fd00::${one + 1}`)],
  ] as const)('MP8: %s is struck for no number of others', (_what, ip, address) => {
    expect(isStruckBy(100, address, ip)).toBe(false);
  });
});
