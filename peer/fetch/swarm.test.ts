import { describe, expect, test } from '@jest/globals';
import { ShoalError } from '../../common/core/errors.js';
import { formatHostPort, type PeerAddress } from '../../common/core/peer-address.js';
import type { Dialer, StreamHandlers } from '../../common/ports/net.js';
import { SlotMemory } from '../hash/slot-memory.js';
import { JumpClock } from '../testkit/jump-clock.js';
import { turn } from '../testkit/until.js';
import { LINK_SOURCE } from './known-peers.js';
import { type Lane, Swarm } from './swarm.js';

/** A dialer that reaches everybody, or nobody. */
class FakeDialer implements Dialer {
  readonly dialed: string[] = [];
  isUp = true;
  failure: Error | undefined;

  async dial(to: { host: string; port: number }, _timeoutMs: number, makeHandlers: (stream: never) => StreamHandlers) {
    this.dialed.push(formatHostPort(to));
    if (this.failure !== undefined) throw new ShoalError('NETWORK', 'environment', 'No file handle.', this.failure);
    if (!this.isUp) throw new ShoalError('NETWORK', 'environment', 'Nothing there.');
    const stream = { write: () => true, pause: () => {}, resume: () => {}, end: () => {}, destroy: () => {}, queuedBytes: 0 };
    makeHandlers(stream as never);
    return stream as never;
  }
}

function createSwarm() {
  const dialer = new FakeDialer();
  const clock = new JumpClock(true);
  const told: string[] = [];
  const lanes: Lane[] = [];
  const swarm = new Swarm(
    { dialer, clock, random: { below: () => 0 }, slots: new SlotMemory(1) },
    {
      connected: (lane) => lanes.push(lane),
      failed: (lane) => told.push(`failed ${lane.key}`),
      banned: (lane) => told.push(`banned ${lane.key}`),
    },
  );
  return { dialer, clock, told, lanes, swarm };
}

const at = (ip: string, port: number): PeerAddress => ({ ip, port });

describe('swarm', () => {
  test('an address of a link is dialed once however often it is named, and given up after four failures', async () => {
    const { dialer, clock, swarm } = createSwarm();
    dialer.isUp = false;
    for (let round = 0; round < 50; round += 1) {
      swarm.add([at('10.0.0.1', 5), at('10.0.0.1', 5)], LINK_SOURCE);
      await turn();
      clock.jump(500);
    }
    expect(dialer.dialed).toHaveLength(4);
    expect(swarm.isHopeless).toBe(true);
    clock.jump(60_000);
    dialer.isUp = true;
    swarm.add([at('10.0.0.1', 5)], LINK_SOURCE);
    await turn();
    expect(swarm.connected).toHaveLength(1);
  });

  test('MP8: three liars from one IP address, and its other ports are banned unseen; another address is not', async () => {
    const { dialer, swarm, lanes } = createSwarm();
    const sybils = Array.from({ length: 200 }, (_, port) => at('10.0.0.9', port + 1));
    swarm.add([...sybils, at('10.0.0.7', 1)], LINK_SOURCE);
    await turn();
    const dialedFirst = dialer.dialed.length;
    expect(dialedFirst).toBe(32);
    // Named last, and yet among the first: it is the only one where it is.
    expect(dialer.dialed).toContain('10.0.0.7:1');
    for (const lane of lanes.filter(({ address }) => address.ip === '10.0.0.9').slice(0, 3)) swarm.ban(lane, 'it lied');
    swarm.add([at('10.0.0.7', 2)], LINK_SOURCE);
    swarm.dialSome();
    await turn();
    const later = dialer.dialed.slice(dialedFirst);
    expect(later).toEqual(['10.0.0.7:2']);
    swarm.add([at('10.0.0.9', 9999)], LINK_SOURCE);
    swarm.dialSome();
    await turn();
    expect(dialer.dialed).not.toContain('10.0.0.9:9999');
  });

  test('a ban is told once, and the banned peer is not dialed again though it is named again', async () => {
    const { dialer, clock, told, swarm, lanes } = createSwarm();
    swarm.add([at('127.0.0.1', 5)], LINK_SOURCE);
    await turn();
    const [lane] = lanes;
    if (lane === undefined) throw new Error('nobody is connected');
    swarm.ban(lane, 'it lied');
    swarm.ban(lane, 'it lied');
    clock.jump(1e9);
    swarm.add([at('127.0.0.1', 5)], LINK_SOURCE);
    await turn();
    expect(told).toEqual(['banned 127.0.0.1:5']);
    expect(dialer.dialed).toHaveLength(1);
    expect(swarm.isHopeless).toBe(true);
  });

  test('FS9: without a file handle to dial with, it is tried again soon, and nobody is blamed', async () => {
    const { dialer, clock, told, swarm } = createSwarm();
    dialer.failure = Object.assign(new Error('connect EMFILE'), { code: 'EMFILE' });
    swarm.add([at('10.0.0.1', 5)], LINK_SOURCE);
    for (let round = 0; round < 20; round += 1) {
      await turn();
      clock.jump(250);
      swarm.dialSome();
    }
    expect([told, swarm.isHopeless]).toEqual([[], false]);
    dialer.failure = undefined;
    await turn();
    clock.jump(250);
    swarm.dialSome();
    await turn();
    expect(swarm.connected).toHaveLength(1);
  });

  test('MT2: of a flood of addresses a bounded number is kept, and a bounded number is connected', async () => {
    const { swarm } = createSwarm();
    swarm.add(
      Array.from({ length: 5000 }, (_, n) => at(`10.${n >> 8}.${n & 255}.1`, 7)),
      LINK_SOURCE,
    );
    await turn();
    expect(swarm.lanes).toHaveLength(1000);
    expect(swarm.connected).toHaveLength(32);
  });

  test('MT1: an address that trackers name is dialed once a minute, and after three tries never again', async () => {
    const { dialer, clock, swarm } = createSwarm();
    dialer.isUp = false;
    for (let second = 0; second < 600; second += 1) {
      swarm.add([at('10.0.0.1', 5)], second % 2 === 0 ? 'tracker' : 'another');
      await turn();
      expect(swarm.isHopeless).toBe(true);
      expect(dialer.dialed).toHaveLength(Math.min(3, 1 + Math.floor(second / 60)));
      clock.jump(1000);
    }
    // A person names it too.
    dialer.isUp = true;
    swarm.add([at('10.0.0.1', 5)], LINK_SOURCE);
    await turn();
    expect(swarm.connected).toHaveLength(1);
  });

  test('MT1: one that was reached is tried again soon', async () => {
    const { dialer, clock, lanes, swarm } = createSwarm();
    swarm.add([at('10.0.0.1', 5)], 'tracker');
    await turn();
    const [lane] = lanes;
    if (lane === undefined) throw new Error('nobody is connected');
    swarm.drop(lane, new ShoalError('NETWORK', 'remote', 'Reset.'));
    clock.jump(1000);
    swarm.dialSome();
    expect(dialer.dialed).toHaveLength(2);
  });

  test('MT3: a tracker that floods us with addresses that lead nowhere delays those of another by a dial, and keeps none out', async () => {
    const { dialer, clock, swarm } = createSwarm();
    dialer.isUp = false;
    swarm.add(
      Array.from({ length: 5000 }, (_, n) => at(`10.${n >> 8}.${n & 255}.1`, 7)),
      'evil',
    );
    await turn();
    dialer.dialed.length = 0;
    swarm.add([at('192.168.0.1', 1), at('192.168.0.2', 2)], 'honest');
    expect(dialer.dialed.slice(0, 3)).toEqual(expect.arrayContaining(['192.168.0.1:1', '192.168.0.2:2']));
    swarm.add(
      Array.from({ length: 5000 }, (_, n) => at(`11.${n >> 8}.${n & 255}.1`, 7)),
      'evil',
    );
    clock.jump(1000);
    swarm.add([at('192.168.0.3', 3)], 'honest');
    expect(swarm.lanes.some(({ key }) => key === '192.168.0.3:3')).toBe(true);
    expect(swarm.lanes.length).toBeLessThanOrEqual(1003);
  });

  test('MT3: what was given up makes room: a tracker that named a thousand addresses where nobody is can still name one where somebody is', async () => {
    const { dialer, clock, swarm } = createSwarm();
    dialer.isUp = false;
    swarm.add(
      Array.from({ length: 1000 }, (_, n) => at(`10.${n >> 8}.${n & 255}.1`, 7)),
      'tracker',
    );
    for (let round = 0; round < 600 && !swarm.isHopeless; round += 1) {
      await turn();
      clock.jump(2000);
      swarm.dialSome();
    }
    for (let round = 0; round < 200; round += 1) {
      await turn();
      clock.jump(2000);
      swarm.dialSome();
    }
    dialer.isUp = true;
    swarm.add([at('192.168.0.1', 1)], 'tracker');
    await turn();
    expect([swarm.connected.map(({ key }) => key), swarm.lanes.length]).toEqual([['192.168.0.1:1'], 1]);
  });

  test('addresses of a link that lead nowhere are tried again only after each other one was tried', async () => {
    const { dialer, clock, swarm } = createSwarm();
    dialer.isUp = false;
    swarm.add(
      Array.from({ length: 100 }, (_, n) => at(`10.0.${n}.1`, 7)),
      LINK_SOURCE,
    );
    for (let round = 0; round < 3; round += 1) {
      await turn();
      clock.jump(2000);
      swarm.dialSome();
    }
    await turn();
    expect(dialer.dialed).toHaveLength(4 * 32);
    expect(new Set(dialer.dialed).size).toBe(100);
  });

  test('a dial that ends after the swarm was closed leaves nothing open', async () => {
    const { swarm, lanes } = createSwarm();
    swarm.add([at('10.0.0.1', 5)], LINK_SOURCE);
    swarm.close(new ShoalError('STOPPED', 'local', 'Stopped.'));
    await turn();
    expect(lanes).toEqual([]);
    expect(swarm.connected).toEqual([]);
  });
});
