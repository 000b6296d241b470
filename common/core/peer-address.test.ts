import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { anyJunk, anyPeerAddress } from '../testkit/arbitraries.js';
import { errorCode, isContained } from '../testkit/error-code.js';
import {
  canonicalIp,
  formatHostPort,
  formatPeerAddress,
  isLan,
  isLoopback,
  parseHostPort,
  parseOwnAddress,
  parsePeerAddress,
} from './peer-address.js';

describe('parsePeerAddress', () => {
  test('NW10: what it returns is canonical: written and read again it is the same', () => {
    fc.assert(
      fc.property(anyPeerAddress, (address) => {
        expect(parsePeerAddress(formatPeerAddress(address))).toEqual(address);
        expect(canonicalIp(address.ip)).toBe(address.ip);
      }),
    );
  });

  test.each([
    ['[2001:DB8:0:0:0:0:0:1]:7', '[2001:db8::1]:7'],
    ['[2001:db8:0:0:1:0:0:1]:7', '[2001:db8::1:0:0:1]:7'],
    ['[2001:0db8::0001]:7', '[2001:db8::1]:7'],
    ['[::ffff:192.0.2.7]:7', '192.0.2.7:7'],
    ['[0:0:0:0:0:ffff:c000:207]:7', '192.0.2.7:7'],
    ['[ff::1]:7', '[ff::1]:7'],
    ['[fe80::1]:7', '[fe80::1]:7'],
    ['127.0.0.1:22', '127.0.0.1:22'],
  ])('NW10: %s is %s', (text, canonical) => {
    expect(formatPeerAddress(parsePeerAddress(text))).toBe(canonical);
  });

  test.each([
    '0.0.0.0:1',
    '0.1.2.3:1',
    '224.0.0.1:1',
    '255.255.255.255:1',
    '[::]:1',
    '[ff02::1]:1',
    '[::ffff:0.0.0.0]:1',
    '[::1]:99999',
    '1.2.3.4:0',
    '1.2.3.4:',
    '1.2.3.4:+5',
    '1.2.3.4:05',
    '1.2.3.4',
    '1.2.3:5',
    '01.2.3.4:5',
    '1.2.3.4.5:6',
    'host:80',
    'a:b:c',
    '::1:80',
    '[1.2.3.4]:80',
    '[fe80::1%eth0]:80',
    '[::1]',
    '*:80',
    ' 1.2.3.4:5',
    '1.2.3.4:5\n',
    `${'1'.repeat(300)}:5`,
    '',
  ])('TW8: refuses "%s"', (text) => {
    expect(errorCode(() => parsePeerAddress(text))).toBe('BAD_REQUEST');
  });

  test('survives anything, with nothing but a ShoalError', () => {
    fc.assert(
      fc.property(anyJunk, (text) => isContained(() => parsePeerAddress(text)) && isContained(() => parseHostPort(text, 1))),
    );
  });
});

describe('parseOwnAddress', () => {
  test('fills in the address that the asker is seen at, and nothing else', () => {
    expect(parseOwnAddress('*:80', '192.0.2.7')).toEqual({ ip: '192.0.2.7', port: 80 });
    expect(parseOwnAddress('192.0.2.8:80', '192.0.2.7')).toEqual({ ip: '192.0.2.8', port: 80 });
    for (const text of ['*:0', '*:65536', '*', '*:', '**:1']) {
      expect(errorCode(() => parseOwnAddress(text, '192.0.2.7'))).toBe('BAD_REQUEST');
    }
  });
});

describe('parseHostPort', () => {
  test.each([
    ['tracker.example', 'tracker.example:4700'],
    ['tracker.example:80', 'tracker.example:80'],
    ['192.0.2.7', '192.0.2.7:4700'],
    ['::1', '[::1]:4700'],
    ['[::1]', '[::1]:4700'],
    ['[::1]:80', '[::1]:80'],
    ['[fe80::1%eth0]:80', '[fe80::1%eth0]:80'],
    [' host:80 ', 'host:80'],
  ])('reads "%s" as %s, and reads that again', (text, expected) => {
    const written = formatHostPort(parseHostPort(text, 4700));
    expect(written).toBe(expected);
    expect(formatHostPort(parseHostPort(written, 1))).toBe(expected);
  });

  test.each([
    '',
    '--quiet',
    ':80',
    'host:',
    'host:0',
    'host:70000',
    'host:x',
    'a b',
    'http://host',
    '[::1',
    '[host]:80',
    '[1.2.3.4]:80',
    'host\u001bc:80',
    'host\u0007',
    '\u202etsoh:80',
    'ho\u200bst:80',
    '[fe80::1%\u001bc]:80',
  ])('PW13: refuses %j as a mistake in typing', (text) => {
    expect(errorCode(() => parseHostPort(text, 4700))).toBe('USAGE');
  });
});

test('isLoopback knows this machine by its canonical addresses', () => {
  expect(['127.0.0.1', '127.9.9.9', '::1', '128.0.0.1', '::2', '12.7.0.1'].map(isLoopback)).toEqual([
    true,
    true,
    true,
    false,
    false,
    false,
  ]);
});

describe('isLan', () => {
  test.each([
    '127.0.0.1',
    '::1',
    '10.0.0.1',
    '10.255.255.255',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.0.1',
    '169.254.9.9',
    'fe80::1',
    'febf::1',
    'fc00::1',
    'fdff::1',
  ])('knows that %s is near', (ip) => {
    expect(isLan(ip)).toBe(true);
  });

  test.each([
    '9.255.255.255',
    '11.0.0.1',
    '100.64.0.1',
    '172.15.0.1',
    '172.32.0.1',
    '192.167.0.1',
    '192.169.0.1',
    '169.253.0.1',
    '1.10.0.1',
    '2001:db8::1',
    'fe7f::1',
    'fec0::1',
    'fb00::1',
    'fe00::1',
    '::2',
  ])('knows that %s is far', (ip) => {
    expect(isLan(ip)).toBe(false);
  });
});
