import { describe, expect, test } from '@jest/globals';
import { datagramContract } from '../testkit/datagram-contract.js';
import { SimClock } from './sim-clock.js';
import { SimNetwork } from './sim-network.js';
import { SimRandom } from './sim-random.js';

const HOST = '10.0.0.1';

datagramContract('a simulated network', () => {
  const host = new SimNetwork(new SimClock({ isAutomatic: true })).host({ ip: HOST, latencyMs: 1 });
  return { port: host.datagrams, host: HOST };
});

describe('a simulated network with faults', () => {
  /** The numbers of 2,000 datagrams as they arrived. */
  async function arrivals(seed: number): Promise<number[]> {
    const clock = new SimClock();
    const datagramFaults = { random: new SimRandom(seed), lossShare: 0.3, duplicateShare: 0.1, delayMaxMs: 50 };
    const network = new SimNetwork(clock, { datagramFaults });
    const [near, far] = [network.host({ ip: HOST, latencyMs: 5 }), network.host({ ip: '10.0.0.2' })];
    const got: number[] = [];
    const silent = { datagram: () => undefined, failed: () => undefined };
    await far.datagrams.bind(
      { host: '0.0.0.0', port: 4700 },
      { ...silent, datagram: (bytes) => got.push(Buffer.from(bytes).readUInt16BE()) },
    );
    const socket = await near.datagrams.bind({ host: HOST, port: 0 }, silent);
    for (let number = 0; number < 2000; number += 1) {
      clock.setTimer('send', number, () => socket.send(Uint8Array.of(number >> 8, number), { ip: '10.0.0.2', port: 4700 }));
    }
    await clock.run();
    expect(clock.nowMs()).toBeLessThan(2000 + 5 + 50);
    return got;
  }

  test('loses, doubles and reorders as the seed says, the same each time', async () => {
    const got = await arrivals(7);
    const distinct = new Set(got).size;
    expect(distinct).toBeGreaterThan(1300);
    expect(distinct).toBeLessThan(1500);
    expect(got.length - distinct).toBeGreaterThan(80);
    const overtaken = got.filter((number, at) => number < (got[at - 1] ?? 0)).length;
    expect(overtaken).toBeGreaterThan(300);
    expect(await arrivals(7)).toEqual(got);
    expect(await arrivals(8)).not.toEqual(got);
  });

  test('a host that crashed hears and says nothing', async () => {
    const clock = new SimClock();
    const network = new SimNetwork(clock);
    const [near, far] = [network.host({ ip: HOST }), network.host({ ip: '10.0.0.2' })];
    const log: string[] = [];
    const handlers = { datagram: () => void log.push('datagram'), failed: () => void log.push('failed') };
    const server = await far.datagrams.bind({ host: '10.0.0.2', port: 4700 }, handlers);
    const client = await near.datagrams.connect({ host: '10.0.0.2', port: 4700 }, handlers);
    far.crash();
    client.send(Uint8Array.of(1));
    server.send(Uint8Array.of(1), client.local);
    await clock.run();
    expect(log).toEqual([]);
  });
});
