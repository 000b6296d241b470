import { describe, expect, test } from '@jest/globals';
import { sourceOf } from '../../common/core/peer-address.js';
import { SourceQuotas } from './source-quotas.js';

describe('source quotas', () => {
  test.each([
    ['192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1:2:3', 'fe80:0:0:0::/64'],
    ['2001:db8:1:2::', '2001:db8:1:2::/64'],
  ])('the source of %s is %s', (ip, source) => {
    expect(sourceOf(ip)).toBe(source);
  });

  test('a source is refused at its cap, and forgotten with its last registration', () => {
    const quotas = new SourceQuotas(1000, 3);
    const quota = quotas.of('192.0.2.7');
    for (let count = 0; count < 3; count += 1) {
      quotas.check(quota);
      quotas.charge(quota);
    }
    expect(() => quotas.check(quota)).toThrow('the most this tracker keeps');
    expect(quotas.of('192.0.2.7')).toBe(quota);
    for (let count = 0; count < 3; count += 1) quotas.release(quota);
    expect(quotas.sourceCount).toBe(0);
    expect(quotas.total).toBe(0);
  });

  test('OV2: the last tenth of the room is kept for small sources', () => {
    const quotas = new SourceQuotas(10_000, 100_000);
    const flood = quotas.of('192.0.2.66');
    for (let count = 0; count < 9000; count += 1) {
      quotas.check(flood);
      quotas.charge(flood);
    }
    expect(() => quotas.check(flood)).toThrow('The tracker is full');
    const honest = quotas.of('192.0.2.7');
    for (let count = 0; count < 1000; count += 1) {
      quotas.check(honest);
      quotas.charge(honest);
    }
    expect(() => quotas.check(quotas.of('192.0.2.8'))).toThrow('The tracker is full');
  });
});
