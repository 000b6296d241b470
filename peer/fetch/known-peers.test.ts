import { describe, expect, test } from '@jest/globals';
import type { PeerAddress } from '../../common/core/peer-address.js';
import { turn } from '../testkit/until.js';
import { KnownPeers, LINK_SOURCE } from './known-peers.js';

const at = (port: number): PeerAddress => ({ ip: '10.0.0.1', port });

describe('the peers of a fetch', () => {
  test('who listens hears of all that are known, by source, then of each that is named, also again, and of the end', () => {
    const peers = new KnownPeers([at(1)], false);
    peers.add([at(2), at(3)], 'a');
    const heard: string[] = [];
    const unwatch = peers.watch((addresses, source) => heard.push(`${source} ${addresses.map(({ port }) => port).join()}`));
    peers.add([at(2)], 'b');
    peers.add([], 'b');
    peers.end();
    peers.end();
    unwatch();
    peers.add([at(9)], 'b');
    expect(heard).toEqual([`${LINK_SOURCE} 1`, 'a 2,3', 'b 2', ' ']);
    expect(peers.count).toBe(4);
  });

  test('each is given in turn, once, and one that is still to come is waited for', async () => {
    const peers = new KnownPeers([at(1)], false);
    peers.add([at(1), at(2)], 'a');
    expect([await peers.at(0), await peers.at(1)]).toEqual([at(1), at(2)]);
    const given: unknown[] = [];
    const waiting = [2, 3].map((index) => peers.at(index).then((peer) => given.push(peer)));
    await turn();
    expect(given).toEqual([]);
    peers.add([at(5)], 'b');
    await turn();
    expect(given).toEqual([at(5)]);
    peers.end();
    await Promise.all(waiting);
    expect(given).toEqual([at(5), undefined]);
  });

  test('MT2: of one source that names ever new ones a bounded number is kept, and it keeps no other out', () => {
    const peers = new KnownPeers();
    for (let n = 1; n <= 5000; n += 1) peers.add([at(n)], 'a');
    peers.add([at(6000)], 'b');
    expect(peers.count).toBe(1001);
  });
});
