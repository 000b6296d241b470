/**
 * What every pair of Dialer and ListenPort must do: run on the real sockets, and on any simulated twin of them, so that what holds in a
 * simulation holds on a network.
 */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { PeerAddress } from '../core/peer-address.js';
import type { Dialer, Listener, ListenPort } from '../ports/net.js';
import { rejectionCode } from './error-code.js';
import { RecordingEnd } from './recording-end.js';
import { sampleBytes } from './sample-content.js';

export interface StreamWorld {
  readonly dialer: Dialer;
  readonly listenPort: ListenPort;
  /** An address of this world that can be listened at and dialed. */
  readonly host: string;
}

const DIAL_TIMEOUT_MS = 10_000;

export function streamContract(worldName: string, makeWorld: () => StreamWorld): void {
  describe(`byte streams over ${worldName}`, () => {
    let world: StreamWorld;
    let listener: Listener;
    let accepted: RecordingEnd[];
    let dialed: RecordingEnd[];
    let onAccept: (end: RecordingEnd) => void;

    const listen = (port: number, connectionsMaxCount = 100): Promise<Listener> =>
      world.listenPort.listen({ host: world.host, port, connectionsMaxCount }, (stream) => {
        const end = new RecordingEnd(stream);
        accepted.push(end);
        onAccept(end);
        return end;
      });

    const dialAt = async (to: PeerAddress, prepare: (end: RecordingEnd) => void = () => undefined): Promise<RecordingEnd> => {
      let end: RecordingEnd | undefined;
      await world.dialer.dial({ host: world.host, port: to.port }, DIAL_TIMEOUT_MS, (stream) => {
        end = new RecordingEnd(stream);
        dialed.push(end);
        prepare(end);
        return end;
      });
      if (end === undefined) throw new Error('dial resolved before it asked for handlers');
      return end;
    };

    /** Both ends of a fresh stream. */
    const connect = async (prepare?: (end: RecordingEnd) => void): Promise<[dialed: RecordingEnd, accepted: RecordingEnd]> => {
      const count = accepted.length;
      const near = await dialAt(listener.local, prepare);
      near.stream.write('!');
      while (accepted.length === count) await new Promise(setImmediate);
      const far = accepted[count];
      if (far === undefined) throw new Error('nothing was accepted');
      await far.until(() => far.receivedBytes === 1);
      far.pieces.length = 0;
      far.receivedBytes = 0;
      far.log.length = 0;
      return [near, far];
    };

    /** Many round trips on a stream of their own: whatever was under way elsewhere has happened by then. */
    const letOthersHappen = async (): Promise<void> => {
      const [near, far] = await connect();
      far.onData = (bytes) => void far.stream.write(Buffer.from(bytes));
      for (let trip = 1; trip <= 50; trip += 1) {
        near.stream.write('x');
        await near.until(() => near.receivedBytes === trip);
      }
    };

    beforeEach(async () => {
      world = makeWorld();
      accepted = [];
      dialed = [];
      onAccept = () => undefined;
      listener = await listen(0);
    });

    afterEach(async () => {
      await listener.close();
      for (const end of [...accepted, ...dialed]) end.stream.destroy();
      await Promise.all([...accepted, ...dialed].map((end) => end.until(() => end.closeCount > 0)));
    });

    test('carry bytes and texts both ways, in order', async () => {
      const [near, far] = await connect();
      far.onData = (bytes) => void far.stream.write(Buffer.from(bytes));
      near.stream.write('é', Uint8Array.of(1, 2, 3), '', 'end');
      near.stream.write('!');
      const expected = Buffer.concat([Buffer.from('é'), Uint8Array.of(1, 2, 3), Buffer.from('end!')]);
      await near.until(() => near.receivedBytes === expected.length);
      expect(near.bytes).toEqual(expected);
    });

    test('come to nothing where the dial is given up before they are connected, or was from the first', async () => {
      let ownedCount = 0;
      const dialAndGiveUp = (isEarly: boolean) => {
        const giving = new AbortController();
        if (isEarly) giving.abort();
        const to = { host: world.host, port: listener.local.port };
        const dialing = world.dialer.dial(
          to,
          10_000,
          (stream) => {
            ownedCount += 1;
            return new RecordingEnd(stream);
          },
          giving.signal,
        );
        giving.abort();
        return rejectionCode(dialing);
      };
      expect([await dialAndGiveUp(false), await dialAndGiveUp(true)]).toEqual(['NETWORK', 'NETWORK']);
      await letOthersHappen();
      expect(ownedCount).toBe(0);
    });

    test('know the address of each end, after they are closed too', async () => {
      const [near, far] = await connect();
      expect(near.stream.remote).toEqual({ ip: world.host, port: listener.local.port });
      expect(far.stream.remote).toEqual(near.stream.local);
      expect(far.stream.local).toEqual(near.stream.remote);
      const before = far.stream.remote;
      far.stream.destroy();
      await far.until(() => far.closeCount === 1);
      expect(far.stream.remote).toEqual(before);
    });

    test('TW16: stay open for the answer after one side has ended, and close plainly after both', async () => {
      const [near, far] = await connect();
      near.stream.write('question');
      near.stream.end();
      await far.until(() => far.log.includes('ended'));
      expect(far.bytes.toString()).toBe('question');
      far.stream.write('answer');
      far.stream.end();
      await Promise.all([near.until(() => near.closeCount > 0), far.until(() => far.closeCount > 0)]);
      expect(near.bytes.toString()).toBe('answer');
      expect(near.log).toEqual(['data', 'ended', 'closed']);
      expect([near.closeError, far.closeError]).toEqual([undefined, undefined]);
    });

    test('close once at both ends when one destroys its own, and writing then does nothing', async () => {
      const [near, far] = await connect();
      near.stream.destroy();
      near.stream.destroy();
      await near.until(() => near.closeCount > 0);
      expect(near.stream.write('lost')).toBe(true);
      near.stream.end();
      await far.until(() => far.log.includes('ended') || far.closeCount > 0);
      far.stream.destroy();
      await far.until(() => far.closeCount > 0);
      await letOthersHappen();
      expect([near.closeCount, far.closeCount]).toEqual([1, 1]);
      expect([near.log.at(-1), far.log.at(-1)]).toEqual(['closed', 'closed']);
    });

    test.each(['dialed', 'accepted'] as const)('stop the writer while the %s end is paused, and lose nothing', async (paused) => {
      const [near, far] = await connect();
      const [reader, writer] = paused === 'dialed' ? [near, far] : [far, near];
      const content = sampleBytes(16 * 1024 * 1024);
      reader.stream.pause();
      let isRoom = true;
      for (let at = 0; at < content.length; at += 65_536) isRoom = writer.stream.write(content.subarray(at, at + 65_536));
      writer.stream.end();
      await letOthersHappen();
      // A read that was under way when the pause came may still arrive; none begins after it.
      const afterPauseBytes = reader.receivedBytes;
      expect(afterPauseBytes).toBeLessThanOrEqual(65_536);
      await letOthersHappen();
      expect(reader.receivedBytes).toBe(afterPauseBytes);
      expect([isRoom, writer.stream.queuedBytes > 0, reader.log.includes('ended')]).toEqual([false, true, false]);
      reader.stream.resume();
      await reader.until(() => reader.log.includes('ended'));
      expect(reader.bytes.equals(content)).toBe(true);
      expect(writer.stream.queuedBytes).toBe(0);
    });

    test.each(['dialed', 'accepted'] as const)('stop and go on when the %s end pauses within its own data', async (paused) => {
      const [near, far] = await connect();
      const [reader, writer] = paused === 'dialed' ? [near, far] : [far, near];
      const content = sampleBytes(4 * 1024 * 1024);
      let pieces = 0;
      let isPaused = false;
      let isBroken = false;
      reader.onData = () => {
        pieces += 1;
        isBroken ||= isPaused;
        isPaused = true;
        reader.stream.pause();
        setImmediate(() => {
          isPaused = false;
          reader.stream.resume();
        });
      };
      writer.stream.write(content);
      writer.stream.end();
      await reader.until(() => reader.log.includes('ended'));
      expect(reader.bytes.equals(content)).toBe(true);
      expect(pieces).toBeGreaterThan(1);
      expect(isBroken).toBe(false);
    });

    test('tell a writer that was told to wait when there is room again', async () => {
      const [near, far] = await connect();
      far.stream.pause();
      const part = new Uint8Array(65_536);
      while (near.stream.write(part)) await new Promise(setImmediate);
      far.stream.resume();
      await near.until(() => near.log.includes('drained'));
      expect(near.stream.queuedBytes).toBe(0);
    });

    test('put what a dialed end reads into the memory that it provides, asked for before each read', async () => {
      const provided: Uint8Array[] = [];
      // Of each read, which of the provided memories it landed in; -1 for none of them.
      const landedAt: number[] = [];
      const [near, far] = await connect((end) => {
        const buffer = () => {
          const memory = new Uint8Array(10_000);
          provided.push(memory);
          return memory;
        };
        Object.assign(end, { buffer });
        end.onData = (bytes) => landedAt.push(provided.findIndex((memory) => memory.buffer === bytes.buffer));
      });
      const content = sampleBytes(300_000);
      far.stream.write(content);
      await near.until(() => near.receivedBytes >= 100_000);
      near.stream.pause();
      await letOthersHappen();
      near.stream.resume();
      await near.until(() => near.receivedBytes === content.length);
      expect(near.bytes.equals(content)).toBe(true);
      // The first read may begin before there is an owner to ask; of the others, each has a memory of its own.
      const asked = landedAt.slice(1);
      expect(asked.length).toBeGreaterThan(10);
      expect(asked.every((at, read) => at > (asked[read - 1] ?? -1))).toBe(true);
    });

    test('are refused as NETWORK, with the address, where nobody listens', async () => {
      const { port } = listener.local;
      await listener.close();
      const dial = world.dialer.dial({ host: world.host, port }, DIAL_TIMEOUT_MS, (stream) => new RecordingEnd(stream));
      await expect(dial).rejects.toMatchObject({
        code: 'NETWORK',
        fault: 'environment',
        message: expect.stringContaining(`${world.host}:${port}`),
      });
    });

    test('cannot be listened for where another listens: NETWORK, with the address', async () => {
      const taken = listen(listener.local.port);
      await expect(taken).rejects.toMatchObject({
        code: 'NETWORK',
        message: expect.stringContaining(`${world.host}:${listener.local.port}`),
      });
    });

    test('outlive their listener, whose port is free at once', async () => {
      const [near, far] = await connect();
      const { port } = listener.local;
      await Promise.all([listener.close(), listener.close()]);
      listener = await listen(port);
      near.stream.write('still here');
      await far.until(() => far.receivedBytes === 10);
      expect(await rejectionCode(dialAt(listener.local))).toBe('nothing was thrown');
    });

    test('beyond the number allowed are closed as they come', async () => {
      await listener.close();
      listener = await listen(0, 1);
      const [, far] = await connect();
      const surplus = await dialAt(listener.local);
      await surplus.until(() => surplus.log.includes('ended') || surplus.closeCount > 0);
      expect(accepted).toEqual([far]);
      expect(far.closeCount).toBe(0);
    });
  });
}
