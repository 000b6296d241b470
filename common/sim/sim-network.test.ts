import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { RecordingEnd } from '../testkit/recording-end.js';
import { type Link, PORT, Scene } from '../testkit/sim-scene.js';
import { streamContract } from '../testkit/stream-contract.js';
import { SimClock } from './sim-clock.js';
import { SimNetwork } from './sim-network.js';
import { SimRandom } from './sim-random.js';

const HOST = '10.0.0.1';

streamContract('a simulated network', () => {
  const network = new SimNetwork(new SimClock({ isAutomatic: true }));
  const host = network.host({ ip: HOST, latencyMs: 1, upBytesPerSecond: 1e8, downBytesPerSecond: 1e8 });
  return { dialer: host.dialer, listenPort: host.listenPort, host: HOST };
});

streamContract('a simulated network without delay', () => {
  const { dialer, listenPort } = new SimNetwork(new SimClock({ isAutomatic: true })).host({ ip: HOST });
  return { dialer, listenPort, host: HOST };
});

/** Of a slow line, so that a packet of 64 KiB takes 65.536 ms. */
const RATE = 1_000_000;

describe('a simulated uplink', () => {
  test('is shared evenly by those who have something to send, and always full', async () => {
    const scene = new Scene();
    const sender = scene.network.host({ ip: HOST, upBytesPerSecond: RATE });
    await scene.listen(sender);
    const links: Link[] = [];
    for (const ip of ['10.0.0.2', '10.0.0.3', '10.0.0.4']) {
      links.push(await scene.connect(scene.network.host({ ip, latencyMs: 10 }), sender));
    }
    const startMs = scene.clock.nowMs();
    const body = new Uint8Array(4_000_000);
    for (const { far } of links) far.stream.write(body);
    await scene.clock.run({ untilMs: startMs + 6000 });
    const got = links.map(({ near }) => near.receivedBytes);
    expect(Math.max(...got) - Math.min(...got)).toBeLessThanOrEqual(65_536);
    // One packet can be under way.
    expect(6 * RATE - got.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThan(2 * 65_536);
    await scene.clock.run({ isOver: () => links.every(({ near }) => near.receivedBytes === body.length) });
    expect(scene.clock.nowMs() - startMs).toBeCloseTo(12_000 + 10, 3);
  });

  test('goes on for others when one does not read, whose sender then waits', async () => {
    const scene = new Scene({ windowBytes: 200_000 });
    const sender = scene.network.host({ ip: HOST, upBytesPerSecond: RATE });
    await scene.listen(sender);
    const lazy = await scene.connect(scene.network.host({ ip: '10.0.0.2' }), sender);
    const keen = await scene.connect(scene.network.host({ ip: '10.0.0.3' }), sender);
    lazy.near.stream.pause();
    const startMs = scene.clock.nowMs();
    lazy.far.stream.write(new Uint8Array(1_000_000));
    keen.far.stream.write(new Uint8Array(2_000_000));
    await scene.clock.run();
    expect([lazy.near.receivedBytes, keen.near.receivedBytes]).toEqual([0, 2_000_000]);
    // What lies unread is the most that fits in the window; the rest never left.
    expect(lazy.far.stream.queuedBytes).toBe(1_000_000 - 3 * 65_536);
    expect(scene.clock.nowMs() - startMs).toBeCloseTo(2000 + 3 * 65.536, 3);
    lazy.near.stream.resume();
    await scene.clock.run();
    expect(lazy.near.receivedBytes).toBe(1_000_000);
  });

  test('lets a short message of another stream pass a long one, and is not faster for it', async () => {
    const scene = new Scene();
    const sender = scene.network.host({ ip: HOST, upBytesPerSecond: RATE });
    await scene.listen(sender);
    const long = await scene.connect(scene.network.host({ ip: '10.0.0.2' }), sender);
    const short = await scene.connect(scene.network.host({ ip: '10.0.0.3' }), sender);
    const startMs = scene.clock.nowMs();
    long.far.stream.write(new Uint8Array(655_360));
    short.far.stream.write('x'.repeat(1000));
    await scene.clock.run({ isOver: () => short.near.receivedBytes === 1000 });
    expect(scene.clock.nowMs() - startMs).toBeCloseTo(1, 6);
    await scene.clock.run();
    expect(scene.clock.nowMs() - startMs).toBeCloseTo(655.36 + 1, 6);
  });

  test('says that memory is free when it took what is in it, and no sooner', async () => {
    const scene = new Scene();
    const sender = scene.network.host({ ip: HOST, upBytesPerSecond: RATE, latencyMs: 500 });
    const accepted: { send(flushed: () => void, ...parts: Uint8Array[]): void }[] = [];
    await sender.listenPort.listen({ host: HOST, port: PORT, connectionsMaxCount: 1 }, (stream) => {
      accepted.push(stream);
      return new RecordingEnd(stream);
    });
    const receiver = scene.network.host({ ip: '10.0.0.2' });
    void receiver.dialer.dial({ host: HOST, port: PORT }, 10_000, (stream) => new RecordingEnd(stream));
    await scene.clock.run();
    const startMs = scene.clock.nowMs();
    const flushedMs: number[] = [];
    for (let nth = 0; nth < 2; nth += 1)
      accepted[0]?.send(() => flushedMs.push(scene.clock.nowMs() - startMs), new Uint8Array(100_000));
    expect(flushedMs).toEqual([]);
    await scene.clock.run();
    // The second packet has the end of the first part and the beginning of the second one.
    expect(flushedMs.map(Math.round)).toEqual([131, 200]);
  });
});

describe('a simulated stream', () => {
  test('has its window a latency, and no more', async () => {
    const scene = new Scene({ windowBytes: 262_144 });
    const sender = scene.network.host({ ip: HOST });
    await scene.listen(sender);
    const { near, far } = await scene.connect(scene.network.host({ ip: '10.0.0.2', latencyMs: 50 }), sender);
    far.stream.write(new Uint8Array(10 * 262_144));
    const startMs = scene.clock.nowMs();
    await scene.clock.run({ isOver: () => near.receivedBytes === 10 * 262_144 });
    expect(scene.clock.nowMs() - startMs).toBeCloseTo(10 * 50, 3);
  });

  test('without copies of bodies fills the memory it is given as with them, and carries texts and short parts as they are', async () => {
    const receive = async (copiesBodies: boolean) => {
      const scene = new Scene({ copiesBodies, quantumBytes: 10_000, windowBytes: 100_000 });
      const sender = scene.network.host({ ip: HOST, upBytesPerSecond: RATE });
      await scene.listen(sender);
      const { near, far } = await scene.connect(scene.network.host({ ip: '10.0.0.2' }), sender);
      const memory = new Uint8Array(50_000);
      Object.assign(near, { buffer: () => memory.subarray(near.receivedBytes) });
      // The first read lands elsewhere.
      far.stream.write('!');
      await scene.clock.run();
      far.stream.write('20000\n', new Uint8Array(20_000).fill(7), '9996\n', new Uint8Array(9996).fill(8), 'end');
      await scene.clock.run();
      return { bytes: near.bytes, memory };
    };
    const [true_, cheap] = [await receive(true), await receive(false)];
    expect(cheap.bytes.length).toBe(true_.bytes.length);
    for (const { bytes, memory } of [true_, cheap]) {
      expect(Buffer.from(memory.subarray(1, 7)).toString()).toBe('20000\n');
      expect(Buffer.from(memory.subarray(20_007, 20_012)).toString()).toBe('9996\n');
      expect(memory.subarray(20_012, 30_008).every((byte) => byte === 8)).toBe(true);
      expect(bytes.subarray(-3).toString()).toBe('end');
    }
    expect(true_.memory.subarray(7, 20_007).every((byte) => byte === 7)).toBe(true);
  });

  test('to a host that crashes ends with an error as soon as the news is here', async () => {
    const scene = new Scene();
    const host = scene.network.host({ ip: HOST, latencyMs: 30 });
    await scene.listen(host);
    const { near, far } = await scene.connect(scene.network.host({ ip: '10.0.0.2' }), host);
    near.stream.write('question');
    await scene.clock.run();
    const crashMs = scene.clock.nowMs();
    host.crash();
    await scene.clock.run();
    expect([near.log, far.log]).toEqual([['closed'], ['data', 'closed']]);
    expect(near.closeError).toMatchObject({ code: 'ECONNRESET' });
    expect(scene.clock.nowMs() - crashMs).toBe(30);
    const dial = near.stream.remote;
    const again = scene.network
      .find('10.0.0.2')
      ?.dialer.dial({ host: dial.ip, port: dial.port }, 700, (stream) => new RecordingEnd(stream));
    const refusal = expect(again).rejects.toMatchObject({ code: 'NETWORK', message: expect.stringContaining('No answer') });
    await scene.clock.run();
    await refusal;
    expect(scene.clock.nowMs() - crashMs).toBe(730);
  });

  test('that was destroyed with bytes under way resets its writer', async () => {
    const scene = new Scene();
    const sender = scene.network.host({ ip: HOST, upBytesPerSecond: RATE, latencyMs: 5 });
    await scene.listen(sender);
    const { near, far } = await scene.connect(scene.network.host({ ip: '10.0.0.2' }), sender);
    far.stream.write(new Uint8Array(500_000));
    await scene.clock.run({ isOver: () => near.receivedBytes > 100_000 });
    near.stream.destroy();
    await scene.clock.run();
    expect(near.receivedBytes).toBe(131_072);
    expect(near.closeError).toBeUndefined();
    expect(far.closeError).toMatchObject({ code: 'ECONNRESET' });
  });
});

/** A crowd that talks at random; all that happens, as one hash. */
async function traceOf(seed: number): Promise<string> {
  const trace = createHash('sha256');
  const scene = new Scene({}, (nowMs, name) => trace.update(`${nowMs} ${name}\n`));
  const random = new SimRandom(seed);
  const hosts = Array.from({ length: 8 }, (_, at) => {
    const upBytesPerSecond = 100_000 + random.below(900_000);
    return scene.network.host({ ip: `10.0.0.${at + 1}`, upBytesPerSecond, latencyMs: random.below(50) });
  });
  for (const host of hosts) await scene.listen(host);
  for (let nth = 0; nth < 40; nth += 1) {
    const [from, to] = [hosts[random.below(8)], hosts[random.below(8)]];
    if (from === undefined || to === undefined) continue;
    const { near, far } = await scene.connect(from, to);
    near.onData = (bytes) => trace.update(`${near.stream.local.port} got ${bytes.length}\n`);
    far.stream.write(new Uint8Array(random.below(300_000)));
    if (random.below(3) === 0) far.stream.end();
    await scene.clock.run({ untilMs: scene.clock.nowMs() + random.below(200) });
  }
  await scene.clock.run();
  return trace.digest('hex');
}

test('what happens is the same for the same seed, event by event, and another for another seed', async () => {
  const [first, again, other] = [await traceOf(1), await traceOf(1), await traceOf(2)];
  expect(again).toBe(first);
  expect(other).not.toBe(first);
});
