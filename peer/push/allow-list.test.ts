import { describe, expect, test } from '@jest/globals';
import { errorCode } from '../../common/testkit/error-code.js';
import { ALLOWED_BY_DEFAULT, AllowList } from './allow-list.js';

/** Of `ips`, those that are allowed. */
function allowed(texts: readonly string[], ips: readonly string[], group?: string): string[] {
  const list = new AllowList(texts);
  return ips.filter((ip) => list.isAllowed(ip, group));
}

const IPS = ['127.0.0.1', '10.1.2.3', '10.2.0.1', '203.0.113.5', '203.0.113.6', '::1', 'fd00::1', '2001:db8::1', '2001:db9::1'];

describe('allow list', () => {
  test('nobody is allowed by an empty one, everybody by any', () => {
    expect(allowed([], IPS)).toEqual([]);
    expect(allowed(['any'], IPS)).toEqual(IPS);
  });

  test('takes local networks and this machine by default', () => {
    expect(allowed(ALLOWED_BY_DEFAULT, IPS)).toEqual(['127.0.0.1', '10.1.2.3', '10.2.0.1', '::1', 'fd00::1']);
  });

  test('takes addresses and networks of both kinds, and nothing beside them', () => {
    expect(allowed(['203.0.113.5', '10.1.0.0/16', '2001:db8::/32'], IPS)).toEqual(['10.1.2.3', '203.0.113.5', '2001:db8::1']);
    expect(allowed(['0.0.0.0/0'], IPS)).toEqual(IPS.filter((ip) => !ip.includes(':')));
  });

  test('a group is who names it, wherever from', () => {
    expect(allowed(['group:render.1'], IPS)).toEqual([]);
    expect(allowed(['group:render.1'], IPS, 'render.2')).toEqual([]);
    expect(allowed(['group:render.1'], IPS, 'render.1')).toEqual(IPS);
  });

  test.each(['', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', 'host.example', '10.0.0', 'group:', 'group:a b', '::1/129'])(
    'refuses %p',
    (text) => {
      expect(errorCode(() => new AllowList([text]))).toBe('USAGE');
    },
  );
});
