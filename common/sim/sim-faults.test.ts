/** What a simulated network does to streams and datagrams where it fails: each fault alone. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { rejectionCode } from '../testkit/error-code.js';
import { RecordingEnd } from '../testkit/recording-end.js';
import { type Link, PORT, Scene } from '../testkit/sim-scene.js';
import type { SimHost } from './sim-network.js';
import type { StreamFate } from './sim-transit.js';

const [HERE, THERE] = ['10.0.0.1', '10.0.0.2'];
const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;

/** Two hosts 20 ms apart, and a stream between them. */
async function joined(fate?: StreamFate) {
  const scene = new Scene(fate === undefined ? {} : { streamFate: () => fate });
  const near = scene.network.host({ ip: HERE, latencyMs: 10 });
  const far = scene.network.host({ ip: THERE, latencyMs: 10 });
  await scene.listen(far);
  return { scene, near, far, link: await scene.connect(near, far) };
}

function dial(from: SimHost, to: SimHost): Promise<unknown> {
  return from.dialer.dial({ host: to.ip, port: PORT }, 5 * SECOND_MS, (stream) => new RecordingEnd(stream));
}

/** Numbered bytes, so that what arrives tells whether anything is missing. */
function numbered(lengthBytes: number): Uint8Array {
  return Uint8Array.from({ length: lengthBytes }, (_, at) => at % 251);
}

describe('a reset', () => {
  test('comes after exactly so many bytes, and both ends are told', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(300_000), async (afterBytes) => {
        const { scene, link } = await joined({ kind: 'reset', afterBytes });
        link.far.stream.write(numbered(300_001));
        await scene.clock.run();
        expect(link.near.bytes.equals(numbered(afterBytes))).toBe(true);
        for (const end of [link.near, link.far]) expect(end.closeError).toMatchObject({ code: 'ECONNRESET' });
        expect([link.near.closeCount, link.far.closeCount]).toEqual([1, 1]);
      }),
      { numRuns: 20 },
    );
  });

  test('does not come where the stream ends before it', async () => {
    const { scene, link } = await joined({ kind: 'reset', afterBytes: 1000 });
    link.far.stream.write(numbered(999));
    link.far.stream.end();
    link.near.stream.end();
    await scene.clock.run();
    expect(link.near.log).toEqual(['data', 'ended', 'closed']);
    expect(link.near.closeError).toBeUndefined();
  });
});

describe('an end that falls silent', () => {
  test('is not heard of again, whatever it sends; it hears that nobody answers after a quarter of an hour', async () => {
    const { scene, link } = await joined({ kind: 'silent', afterBytes: 100, side: 'listener' });
    link.far.stream.write(numbered(100));
    await scene.clock.run();
    link.far.stream.write(numbered(100));
    link.far.stream.end();
    link.near.stream.write('are you there?');
    await scene.clock.run({ untilMs: scene.clock.nowMs() + 15 * MINUTE_MS });
    expect([link.near.log, link.near.receivedBytes]).toEqual([['data'], 100]);
    expect(link.far.log).toEqual(['data']);
    await scene.clock.run();
    for (const end of [link.near, link.far]) expect(end.closeError).toMatchObject({ code: 'ETIMEDOUT' });
  });

  test('says nothing of a close either', async () => {
    const { scene, link } = await joined({ kind: 'silent', afterBytes: 0, side: 'both' });
    link.near.stream.destroy();
    await scene.clock.run();
    expect([link.near.log, link.far.log]).toEqual([['closed'], []]);
  });
});

describe('a cut', () => {
  test('holds up what is on the way, in both directions, and all of it arrives in order when it heals', async () => {
    const { scene, link } = await joined();
    const heal = scene.network.paths.part([HERE], [THERE]);
    for (const at of [0, 1, 2]) {
      link.near.stream.write(numbered(100_000).subarray(at * 30_000, (at + 1) * 30_000));
      link.far.stream.write(`line ${at}\n`);
      await scene.clock.run({ untilMs: scene.clock.nowMs() + 20 * SECOND_MS });
    }
    expect([link.near.log, link.far.log]).toEqual([[], []]);
    heal();
    await scene.clock.run({ untilMs: scene.clock.nowMs() + MINUTE_MS });
    expect(link.far.bytes.equals(numbered(90_000))).toBe(true);
    expect(link.near.bytes.toString()).toBe('line 0\nline 1\nline 2\n');
    link.near.stream.write('still open');
    await scene.clock.run();
    expect(link.far.bytes.subarray(-10).toString()).toBe('still open');
  });

  test('in one direction lets a window of the other through, and no more, since nothing is acknowledged', async () => {
    const { scene, link } = await joined();
    const heal = scene.network.paths.cut([HERE], [THERE]);
    link.far.stream.write(numbered(1_000_000));
    await scene.clock.run({ untilMs: scene.clock.nowMs() + SECOND_MS });
    expect(link.near.receivedBytes).toBe(256 * 1024);
    heal();
    await scene.clock.run();
    expect(link.near.bytes.equals(numbered(1_000_000))).toBe(true);
  });

  test('lets nobody connect; who knocks again after it healed is let in', async () => {
    const { scene, near, far } = await joined();
    scene.network.paths.cut([THERE], [HERE]);
    const refused = rejectionCode(dial(near, far));
    await scene.clock.run();
    expect(await refused).toBe('NETWORK');
    const startMs = scene.clock.nowMs();
    const late = dial(near, far);
    scene.clock.setTimer('heal', 2 * SECOND_MS, () => scene.network.paths.heal());
    await scene.clock.run();
    await late;
    // Knocked at once, after one second and after two more.
    expect(scene.clock.nowMs() - startMs).toBe(3 * SECOND_MS + 4 * 20);
  });

  test('swallows datagrams, and is between those hosts alone', async () => {
    const { scene, near, far } = await joined();
    const third = scene.network.host({ ip: '10.0.0.3' });
    const got: string[] = [];
    const handlers = {
      datagram: (_: unknown, { ip }: { ip: string }) => void got.push(ip),
      failed: () => void got.push('failed'),
    };
    await far.datagrams.bind({ host: THERE, port: PORT }, handlers);
    scene.network.paths.part([HERE], [THERE]);
    for (const host of [near, third]) {
      const socket = await host.datagrams.connect({ host: THERE, port: PORT }, handlers);
      socket.send(Uint8Array.of(1));
    }
    await scene.clock.run();
    expect(got).toEqual(['10.0.0.3']);
  });
});

describe('a host that lost its power', () => {
  async function dark(): Promise<Awaited<ReturnType<typeof joined>> & { link: Link }> {
    const scene = await joined();
    scene.far.crash({ isSilent: true });
    await scene.scene.clock.run();
    return scene;
  }

  test('says goodbye to nobody; its own program is not there any more', async () => {
    const { link, far } = await dark();
    expect([link.near.log, link.far.log]).toEqual([[], ['closed']]);
    expect(far.openCount).toBe(0);
  });

  test('and is back tells whoever goes on with a stream of before that there is none, and can be dialed', async () => {
    const { scene, link, near, far } = await dark();
    link.near.stream.write('hello?');
    await scene.clock.run({ untilMs: scene.clock.nowMs() + 10 * SECOND_MS });
    far.restart();
    await scene.clock.run({ untilMs: scene.clock.nowMs() + 10 * SECOND_MS });
    expect(link.near.closeError).toMatchObject({ code: 'ECONNRESET' });
    const refused = rejectionCode(dial(near, far));
    await scene.clock.run();
    expect(await refused).toBe('NETWORK');
    await scene.listen(far);
    const again = await scene.connect(near, far);
    expect(again.near.stream.remote.ip).toBe(THERE);
  });

  test('and is not back lets its friends wait for a quarter of an hour', async () => {
    const { scene, link } = await dark();
    const startMs = scene.clock.nowMs();
    link.near.stream.write('hello?');
    await scene.clock.run();
    expect(link.near.closeError).toMatchObject({ code: 'ETIMEDOUT' });
    expect(scene.clock.nowMs() - startMs).toBeGreaterThan(15 * MINUTE_MS);
    expect(scene.clock.nowMs() - startMs).toBeLessThan(17 * MINUTE_MS);
  });
});
