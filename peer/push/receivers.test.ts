import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ShoalError } from '../../common/core/errors.js';
import { formatPeerAddress } from '../../common/core/peer-address.js';
import { errorCode } from '../../common/testkit/error-code.js';
import type { PeerInfo } from '../../common/wire/tracker-replies.js';
import { failedNames, worstFailure } from './push-all.js';
import { chooseReceivers, parseReceivers } from './receivers.js';

function peer(host: number, more: Partial<PeerInfo> = {}): PeerInfo {
  return { address: { ip: `10.0.0.${host}`, port: 4701 }, fileCount: 0, seenMs: 0, acceptBytes: 100, load: 0, ...more };
}

function chosen(to: readonly string[], peers: readonly PeerInfo[], holders: readonly string[] = [], sizeBytes = 10) {
  const receivers = chooseReceivers(parseReceivers(to), peers, new Set(holders), sizeBytes);
  return { chosen: receivers.chosen.map(formatPeerAddress), spare: receivers.spare.map(formatPeerAddress) };
}

describe('receivers', () => {
  test('are addresses as they were given, each once', () => {
    const list = ['10.0.0.9:1', '[2001:db8::1]:2', '10.0.0.9:1'];
    expect(chosen(list, [])).toEqual({ chosen: ['10.0.0.9:1', '[2001:db8::1]:2'], spare: [] });
  });

  test('all are those who take pushes, with room or not: who has none says so', () => {
    const peers = [peer(1), peer(2, { acceptBytes: 0 }), peer(3, { acceptBytes: undefined }), peer(4, { acceptBytes: 1 })];
    expect(chosen(['all'], peers).chosen).toEqual(['10.0.0.1:4701', '10.0.0.4:4701']);
  });

  test('a number takes the least loaded with room that do not have it, and keeps the others in reserve', () => {
    const peers = [
      peer(1, { load: 90 }),
      peer(2, { load: 10 }),
      peer(3),
      peer(4, { acceptBytes: 9 }),
      peer(5, { load: undefined }),
    ];
    expect(chosen(['2'], peers, ['10.0.0.3:4701'])).toEqual({
      chosen: ['10.0.0.2:4701', '10.0.0.5:4701'],
      spare: ['10.0.0.1:4701'],
    });
  });

  test('nobody, or too few, is an error that says how many there are', () => {
    expect(errorCode(() => chosen(['all'], [peer(1, { acceptBytes: 0 })]))).toBe('NOT_FOUND');
    expect(() => chosen(['2'], [peer(1)])).toThrow(/only 1 of them is known/);
    expect(() => chooseReceivers(parseReceivers(['all']), [], new Set(), 1, 'lab')).toThrow(
      /No peer of the group "lab" .* --group lab/,
    );
  });

  test('the address that a peer listens at is not one that it is reached at', () => {
    for (const text of ['0.0.0.0:4701', '[::]:4701']) expect(() => parseReceivers([text])).toThrow(/stands for all addresses/);
  });

  test.each([[[]], [['0']], [['host.example:5']], [['10.0.0.1']], [['-1']], [['everyone']]])('refuses %j', (to) => {
    expect(errorCode(() => parseReceivers(to))).toBe('USAGE');
  });

  test('law: a number gives so many, none of them a holder, and nobody who is left out has room and less load', () => {
    const info = fc.record({ load: fc.nat(100), acceptBytes: fc.nat(20) });
    fc.assert(
      fc.property(
        fc.array(info, { minLength: 1, maxLength: 20 }),
        fc.integer({ min: 1, max: 5 }),
        fc.nat(20),
        (infos, count, size) => {
          const peers = infos.map((one, index) => peer(index, one));
          const able = peers.filter(
            ({ acceptBytes }, index) => index % 3 !== 0 && (acceptBytes ?? 0) > 0 && (acceptBytes ?? 0) >= size,
          );
          const holders = peers.filter((_, index) => index % 3 === 0).map(({ address }) => formatPeerAddress(address));
          if (able.length < count)
            return void expect(errorCode(() => chosen([String(count)], peers, holders, size))).toBe('NOT_FOUND');
          const got = chosen([String(count)], peers, holders, size);
          const loadOf = (name: string) => peers.find(({ address }) => formatPeerAddress(address) === name)?.load ?? 0;
          expect(new Set(got.chosen).size).toBe(count);
          expect([...got.chosen, ...got.spare].sort()).toEqual(able.map(({ address }) => formatPeerAddress(address)).sort());
          for (const spare of got.spare) for (const one of got.chosen) expect(loadOf(one)).toBeLessThanOrEqual(loadOf(spare));
        },
      ),
    );
  });
});

describe('several failures', () => {
  const end = (host: number, error?: ShoalError, isReplaced = false) => ({ address: peer(host).address, error, isReplaced });
  const error = (code: ConstructorParameters<typeof ShoalError>[0]) => new ShoalError(code, 'remote', code);

  test('none stands for all who have it; one that was replaced counts no more', () => {
    expect(worstFailure([end(1), end(2, error('DENIED'), true), end(3)])).toBeUndefined();
    expect(failedNames([end(1), end(2, error('DENIED'), true), end(3, error('BUSY'))])).toEqual(['10.0.0.3:4701']);
  });

  test('the one counts that a person has to do most about', () => {
    const codes = ['NETWORK', 'IO', 'VERIFY_FAILED', 'DISK_FULL', 'TARGET_EXISTS', 'DENIED'] as const;
    for (let count = 1; count <= codes.length; count += 1) {
      const ends = codes.slice(0, count).map((code, index) => end(index, error(code)));
      expect(worstFailure(ends)?.code).toBe(codes[count - 1]);
      expect(worstFailure(ends.reverse())?.code).toBe(codes[count - 1]);
    }
  });
});
