import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { realClock } from '../../common/node/clock.js';
import { tcpDialer, tcpListener } from '../../common/node/tcp.js';
import type { ByteStream, Listener, ServedStream } from '../../common/ports/net.js';
import { RecordingEnd } from '../../common/testkit/recording-end.js';
import { sampleBytes } from '../../common/testkit/sample-content.js';
import { streamContract } from '../../common/testkit/stream-contract.js';
import { JumpClock } from '../testkit/jump-clock.js';
import { until } from '../testkit/until.js';
import { type RateLimitOptions, RateLimits } from './rate-limits.js';
import { throttledDialer, throttledListener } from './throttle.js';

const MIB = 1024 * 1024;

// High enough for a quick test, low enough that streams are held again and again.
const generous = {
  downBytesPerSecond: 64 * MIB,
  upBytesPerSecond: 64 * MIB,
  downPeerBytesPerSecond: 63 * MIB,
  isLanLimited: true,
};

streamContract('TCP with rate limits at both ends', () => ({
  dialer: throttledDialer(tcpDialer, new RateLimits(realClock, generous)),
  listenPort: throttledListener(tcpListener, new RateLimits(realClock, generous)),
  host: '127.0.0.1',
}));

describe('a stream with a rate limit', () => {
  let clock: JumpClock;
  let listener: Listener | undefined;
  let ends: RecordingEnd[];

  beforeEach(() => {
    clock = new JumpClock(true);
    ends = [];
  });
  afterEach(async () => {
    await listener?.close();
    for (const end of ends) end.stream.destroy();
    await Promise.all(ends.map((end) => end.until(() => end.closeCount > 0)));
    expect(clock.timerCount).toBe(0);
  });

  /** A dialed end and an accepted one, with limits of their own. */
  async function connect(
    dialing: Partial<RateLimitOptions>,
    accepting: Partial<RateLimitOptions>,
  ): Promise<[RecordingEnd, RecordingEnd]> {
    const limits = (options: Partial<RateLimitOptions>) => new RateLimits(clock, { isLanLimited: true, ...options });
    const record = (stream: ByteStream) => {
      const end = new RecordingEnd(stream);
      ends.push(end);
      return end;
    };
    let far: RecordingEnd | undefined;
    listener = await throttledListener(tcpListener, limits(accepting)).listen(
      { host: '127.0.0.1', port: 0, connectionsMaxCount: 10 },
      (stream) => {
        far = record(stream);
        return far;
      },
    );
    let near: RecordingEnd | undefined;
    const to = { host: '127.0.0.1', port: listener.local.port };
    await throttledDialer(tcpDialer, limits(dialing)).dial(to, 5000, (stream) => {
      near = record(stream);
      return Object.assign(near, { buffer: () => memory });
    });
    await until('the stream is accepted', () => far !== undefined);
    if (near === undefined || far === undefined) throw new Error('not connected');
    return [near, far];
  }

  /** What a dialed end reads lands here. */
  const memory = new Uint8Array(MIB);
  const served = (end: RecordingEnd) => end.stream as ServedStream;
  const settle = async () => {
    for (let turn = 0; turn < 50; turn += 1) await new Promise(setImmediate);
  };

  test('sends a burst at once, then what each moment brings, in order, and tells when memory is free', async () => {
    const [near, far] = await connect({}, { upBytesPerSecond: 1_000_000 });
    const content = sampleBytes(600_000);
    const flushed: string[] = [];
    served(far).send(() => flushed.push('first'), 'head', content.subarray(0, 400_000));
    served(far).send(() => flushed.push('second'), content.subarray(400_000));
    served(far).send(() => flushed.push('empty'));
    far.stream.end();
    await near.until(() => near.receivedBytes === 250_000);
    await settle();
    expect([near.receivedBytes, far.stream.queuedBytes, flushed]).toEqual([250_000, 350_004, []]);
    clock.jump(100);
    await near.until(() => near.receivedBytes === 350_000);
    await settle();
    expect([near.receivedBytes, flushed]).toEqual([350_000, []]);
    clock.jump(100);
    await until('the first is sent', () => flushed.length === 1);
    for (let at = 0; at < 4; at += 1) {
      clock.jump(60);
      await settle();
    }
    await near.until(() => near.log.includes('ended'));
    expect(flushed).toEqual(['first', 'second', 'empty']);
    expect(near.bytes.equals(Buffer.concat([Buffer.from('head'), content]))).toBe(true);
    expect(far.stream.queuedBytes).toBe(0);
  });

  test('who waits for tokens is not stalled by the other side; who waits for the other side is', async () => {
    const [near, far] = await connect({}, { upBytesPerSecond: 100_000 });
    served(far).send(() => undefined, new Uint8Array(200_000));
    await near.until(() => near.receivedBytes === 25_000);
    await settle();
    expect(served(far).isHeld).toBe(true);
    near.stream.pause();
    served(far).send(() => undefined, new Uint8Array(16 * MIB));
    // In 20 minutes there are tokens for all of it, and nobody takes it.
    let takenBytes = Number.NaN;
    for (let at = 0; at < 6000; at += 1) {
      clock.jump(200);
      await new Promise(setImmediate);
      if (served(far).isHeld !== true && served(far).takenBytes === takenBytes) break;
      takenBytes = served(far).takenBytes;
    }
    expect([served(far).isHeld, served(far).takenBytes]).toEqual([false, takenBytes]);
    expect(far.stream.queuedBytes).toBeGreaterThan(MIB);
  });

  test('gives all memory back when it is destroyed, once', async () => {
    const [, far] = await connect({}, { upBytesPerSecond: 1000 });
    const flushed: string[] = [];
    served(far).send(() => flushed.push('first'), new Uint8Array(10_000));
    served(far).send(() => flushed.push('second'), new Uint8Array(10_000));
    far.stream.end();
    far.stream.destroy();
    served(far).send(() => flushed.push('late'), 'x');
    expect(far.stream.write('late')).toBe(true);
    await far.until(() => far.closeCount === 1);
    far.stream.resume();
    clock.jump(60_000);
    await settle();
    expect(flushed.sort()).toEqual(['first', 'late', 'second']);
  });

  test('tells a writer to wait, and when there is room again', async () => {
    const [near, far] = await connect({ upBytesPerSecond: 10_000 }, {});
    expect(near.stream.write(new Uint8Array(4000))).toBe(false);
    await settle();
    expect(near.log).toEqual([]);
    clock.jump(200);
    await near.until(() => near.log.includes('drained'));
    await far.until(() => far.receivedBytes === 4000);
    expect(near.stream.write('x')).toBe(true);
  });

  test('reads a burst, then waits, into memory that its owner gives', async () => {
    const [near, far] = await connect({ downBytesPerSecond: 1_000_000 }, {});
    let readMaxBytes = 0;
    let strayCount = 0;
    near.onData = (bytes) => {
      readMaxBytes = Math.max(readMaxBytes, bytes.length);
      if (bytes.buffer !== memory.buffer) strayCount += 1;
    };
    const content = sampleBytes(2 * MIB);
    far.stream.write(content);
    await near.until(() => near.receivedBytes >= 225_000);
    await settle();
    expect(near.receivedBytes).toBeLessThanOrEqual(250_000 + 64 * 1024);
    expect(readMaxBytes).toBeLessThanOrEqual(64 * 1024);
    for (let second = 1; near.receivedBytes < content.length; second += 1) {
      for (let at = 0; at < 20; at += 1) {
        clock.jump(50);
        await settle();
      }
      expect(near.receivedBytes).toBeLessThanOrEqual(250_000 + second * 1_000_000 + 64 * 1024);
    }
    expect(near.bytes.equals(content)).toBe(true);
    // The first read begins before the stream has an owner.
    expect(strayCount).toBeLessThanOrEqual(1);
  });

  test('an owner that pauses is not read, whatever the limit brings; and the time that the limit takes is told', async () => {
    const [near, far] = await connect({ downBytesPerSecond: 1_000_000 }, {});
    far.stream.write(new Uint8Array(MIB));
    await near.until(() => near.receivedBytes >= 225_000);
    await settle();
    expect(near.stream.heldMs).toBe(0);
    clock.jump(10);
    expect(near.stream.heldMs).toBe(10);
    near.stream.pause();
    const { receivedBytes } = near;
    clock.jump(1000);
    await settle();
    expect([near.receivedBytes, near.stream.heldMs]).toEqual([receivedBytes, 10]);
    near.stream.resume();
    await near.until(() => near.receivedBytes > receivedBytes);
  });

  test('streams of one address share its cap, and the cap outlives them', async () => {
    const limits = new RateLimits(clock, { upPeerBytesPerSecond: 1000, isLanLimited: true });
    const [one, other] = ['192.0.2.1', '192.0.2.1'].map((ip) => limits.up(ip, () => undefined));
    one?.want(true);
    one?.pay(250);
    other?.want(true);
    expect([other?.bytes, limits.up('192.0.2.2', () => undefined)?.bytes]).toEqual([0, 250]);
    one?.close();
    other?.close();
    expect(limits.up('192.0.2.1', () => undefined)?.bytes).toBe(0);
    clock.jump(1000);
    const back = limits.up('192.0.2.1', () => undefined);
    back?.want(true);
    expect(back?.bytes).toBe(250);
    back?.close();
  });

  test('only what is far is limited where local networks are exempt, and only the direction that has a cap', () => {
    const limits = new RateLimits(clock, { upBytesPerSecond: 1000, isLanLimited: false });
    expect(['127.0.0.1', '192.168.1.1', 'fe80::1', '192.0.2.1'].map((ip) => limits.applyTo(ip))).toEqual([
      false,
      false,
      false,
      true,
    ]);
    expect(limits.down('192.0.2.1', () => undefined)).toBe(undefined);
    expect(new RateLimits(clock, { isLanLimited: true }).applyTo('127.0.0.1')).toBe(true);
  });

  test('a stream that nothing limits is handed on as it is', async () => {
    const [near, far] = await connect(
      { downBytesPerSecond: 1000, isLanLimited: false },
      { upBytesPerSecond: 1000, isLanLimited: false },
    );
    far.stream.write(new Uint8Array(MIB));
    await near.until(() => near.receivedBytes === MIB);
    expect([near.stream.heldMs, near.stream.constructor]).toEqual([undefined, far.stream.constructor]);
  });
});
