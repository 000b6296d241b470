import { spawnSync } from 'node:child_process';
import { createServer, type Socket } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import { rejectionCode } from '../testkit/error-code.js';
import { RecordingEnd } from '../testkit/recording-end.js';
import { streamContract } from '../testkit/stream-contract.js';
import { tcpDialer, tcpListener } from './tcp.js';

streamContract('TCP', () => ({ dialer: tcpDialer, listenPort: tcpListener, host: '127.0.0.1' }));

async function dial(host: string, port: number): Promise<RecordingEnd> {
  let end: RecordingEnd | undefined;
  await tcpDialer.dial({ host, port }, 10_000, (stream) => {
    end = new RecordingEnd(stream);
    return end;
  });
  if (end === undefined) throw new Error('dial resolved before it asked for handlers');
  return end;
}

describe('TCP', () => {
  test('TW18: a reset reaches the owner of a dialed stream as its error, and nobody else', async () => {
    const sockets: Socket[] = [];
    const server = createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => undefined);
      socket.write('x');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const near = await dial('127.0.0.1', (server.address() as { port: number }).port);
    await near.until(() => near.receivedBytes === 1);
    sockets[0]?.resetAndDestroy();
    await near.until(() => near.closeCount === 1);
    expect(near.closeError).toMatchObject({ code: 'ECONNRESET' });
    expect(near.log).toEqual(['data', 'closed']);
    expect(near.stream.write('late')).toBe(true);
    await new Promise((resolve) => server.close(resolve));
  });

  test('TW9: a stream that was reset before it was accepted has no address to speak for, and is never handed out', async () => {
    const remotes: string[] = [];
    const listener = await tcpListener.listen({ host: '127.0.0.1', port: 0, connectionsMaxCount: 100 }, (stream) => {
      remotes.push(stream.remote.ip);
      stream.destroy();
      return new RecordingEnd(stream);
    });
    // The listener's event loop stands still meanwhile, so it accepts when all is over.
    const { port } = listener.local;
    const sendAndReset = `const s = require('node:net').connect(${port}, '127.0.0.1', () => s.write('x', () => s.resetAndDestroy()))`;
    expect(spawnSync(process.execPath, ['-e', sendAndReset]).status).toBe(0);
    const near = await dial('127.0.0.1', port);
    await near.until(() => near.log.length > 0);
    near.stream.destroy();
    expect(remotes).toEqual(['127.0.0.1']);
    await listener.close();
  });

  test('TW18: resets of accepted streams cost these streams alone', async () => {
    const accepted: RecordingEnd[] = [];
    const listener = await tcpListener.listen({ host: '127.0.0.1', port: 0, connectionsMaxCount: 100 }, (stream) => {
      const end = new RecordingEnd(stream);
      accepted.push(end);
      return end;
    });
    const survivor = await dial('127.0.0.1', listener.local.port);
    for (let round = 0; round < 30; round += 1) {
      const near = await dial('127.0.0.1', listener.local.port);
      const count = accepted.length;
      near.stream.write('x');
      // Closing with bytes unread makes the kernel send a reset in place of a plain end.
      near.stream.pause();
      while (accepted.length < count) await new Promise(setImmediate);
      for (const end of accepted) end.stream.write('unread');
      near.stream.destroy();
    }
    const first = accepted[0];
    survivor.stream.write('alive');
    await first?.until(() => first.receivedBytes === 5);
    await Promise.all(accepted.slice(1).map((end) => end.until(() => end.log.includes('ended') || end.closeCount > 0)));
    expect(first?.closeCount).toBe(0);
    await listener.close();
    for (const end of [survivor, ...accepted]) end.stream.destroy();
    await Promise.all([survivor, ...accepted].map((end) => end.until(() => end.closeCount === 1)));
  });

  test('a name that stands for several addresses is dialed at the one that answers', async () => {
    const listener = await tcpListener.listen({ host: '127.0.0.1', port: 0, connectionsMaxCount: 100 }, (stream) => {
      const end = new RecordingEnd(stream);
      end.onData = (bytes) => void stream.write(Buffer.from(bytes));
      return end;
    });
    const near = await dial('localhost', listener.local.port);
    near.stream.write('hello');
    await near.until(() => near.receivedBytes === 5);
    expect(near.stream.remote).toEqual({ ip: '127.0.0.1', port: listener.local.port });
    near.stream.end();
    near.stream.destroy();
    await near.until(() => near.closeCount === 1);
    await listener.close();
  });

  test('NW10: a socket that listens on both families sees an IPv4 asker at its IPv4 address', async () => {
    const seen: RecordingEnd[] = [];
    const options = { host: '::', port: 0, connectionsMaxCount: 100 };
    const listening = tcpListener.listen(options, (stream) => {
      const end = new RecordingEnd(stream);
      seen.push(end);
      return end;
    });
    // A machine without IPv6 has nothing to show here.
    if ((await rejectionCode(listening)) !== 'nothing was thrown') return;
    const listener = await listening;
    const near = await dial('127.0.0.1', listener.local.port);
    while (seen.length === 0) await new Promise(setImmediate);
    expect(seen[0]?.stream.remote).toEqual(near.stream.local);
    expect(seen[0]?.stream.local.ip).toBe('127.0.0.1');
    near.stream.destroy();
    await near.until(() => near.closeCount === 1);
    seen[0]?.stream.destroy();
    await listener.close();
  });

  test('an address that is not of this machine cannot be listened at', async () => {
    const listening = tcpListener.listen(
      { host: '192.0.2.1', port: 0, connectionsMaxCount: 1 },
      (stream) => new RecordingEnd(stream),
    );
    await expect(listening).rejects.toMatchObject({ code: 'NETWORK', message: expect.stringContaining('192.0.2.1') });
  });
});
