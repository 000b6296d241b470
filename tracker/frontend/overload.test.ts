/** A tracker with more clients than it should have, on a simulated network: what is counted is what happens, not how long it takes. */
import { describe, expect, test } from '@jest/globals';
import { LOG_GATE_LINES_COUNT } from '../../common/core/limits.js';
import type { SimHost } from '../../common/sim/sim-network.js';
import { SimRandom } from '../../common/sim/sim-random.js';
import { RecordingEnd } from '../../common/testkit/recording-end.js';
import { DatagramWorld } from '../testkit/datagram-stranger.js';

const TRACKER = { host: '10.0.0.1', port: 4700 };

async function connect(world: DatagramWorld, host: SimHost): Promise<RecordingEnd> {
  let end: RecordingEnd | undefined;
  const dialing = host.dialer.dial(TRACKER, 10_000, (stream) => {
    end = new RecordingEnd(stream);
    return end;
  });
  await world.clock.run({ isOver: () => end !== undefined });
  await dialing;
  if (end === undefined) throw new Error('not connected');
  return end;
}

/** Asks, and gives what has come back since a moment later. */
async function ask(world: DatagramWorld, end: RecordingEnd, line: string): Promise<string> {
  const before = end.bytes.length;
  end.stream.write(`${line}\n`);
  await world.clock.run({ untilMs: world.clock.nowMs() + 10 });
  return end.bytes.subarray(before).toString();
}

/** Streams need time to end. */
async function close(world: DatagramWorld): Promise<void> {
  const closing = world.tracker.close();
  await world.clock.run({ untilMs: world.clock.nowMs() + 60_000 });
  await closing;
}

describe('a tracker', () => {
  test('OV1: with a thousand connections that say nothing it answers, and closes them when their time is over', async () => {
    const world = await DatagramWorld.start();
    const idle: RecordingEnd[] = [];
    for (let nth = 0; nth < 10; nth += 1) {
      const host = world.network.host({ ip: `10.1.0.${nth + 1}`, latencyMs: 1 });
      for (let at = 0; at < 100; at += 1) idle.push(await connect(world, host));
    }
    const client = await connect(world, world.network.host({ ip: '10.0.0.7', latencyMs: 1 }));
    expect(world.tracker.stats().connections).toBe(1001);
    expect(await ask(world, client, 'REGISTER a 6 *:5000')).toMatch(/^OK interval=/);
    expect(await ask(world, client, 'LOOKUP a')).toBe('OK 1\n10.0.0.7:5000 6 -\n');
    for (let minute = 0; minute < 11; minute += 1) {
      await world.clock.run({ untilMs: world.clock.nowMs() + 60_000 });
      await ask(world, client, 'LOOKUP a');
    }
    expect(idle.every(({ log }) => log.includes('ended'))).toBe(true);
    expect(world.tracker.stats().connections).toBe(1);
    await close(world);
  });

  test('OV4: thousands of datagrams of junk leave nothing behind, and a client over TCP is answered between them', async () => {
    const world = await DatagramWorld.start();
    const client = await connect(world, world.network.host({ ip: '10.0.0.7', latencyMs: 1 }));
    await ask(world, client, 'REGISTER a 6 *:5000');
    const stranger = await world.stranger('10.0.0.66');
    const random = new SimRandom(9);
    const before = world.tracker.stats();
    for (let burst = 0; burst < 40; burst += 1) {
      for (let at = 0; at < 100; at += 1) {
        const bytes = Buffer.alloc(1 + random.below(100), random.below(256));
        bytes[0] = 'RSQLX'.charCodeAt(at % 5);
        stranger.send(bytes);
      }
      expect(await ask(world, client, 'LOOKUP a')).toBe('OK 1\n10.0.0.7:5000 6 -\n');
    }
    const { entries, peers, names } = world.tracker.stats();
    expect({ entries, peers, names }).toEqual({ entries: before.entries, peers: before.peers, names: before.names });
    expect(world.log.lines.length).toBeLessThan(4 * LOG_GATE_LINES_COUNT);
    await close(world);
  });
});
