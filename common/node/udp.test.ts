import { describe, expect, test } from '@jest/globals';
import { datagramContract } from '../testkit/datagram-contract.js';
import { rejectionCode } from '../testkit/error-code.js';
import { localIpFor } from './local-ip.js';
import { udpPort } from './udp.js';

datagramContract('UDP', () => ({ port: udpPort, host: '127.0.0.1' }));

describe('UDP', () => {
  test('NW10: a socket of both families sees an IPv4 sender at its IPv4 address, and answers it', async () => {
    const seen: string[] = [];
    const binding = udpPort.bind(
      { host: '::', port: 0 },
      {
        datagram: (bytes, from) => {
          seen.push(from.ip);
          both?.send(bytes, from);
        },
        failed: (error) => seen.push(error.message),
      },
    );
    // A machine without IPv6 has nothing to show here.
    if ((await rejectionCode(binding)) !== 'nothing was thrown') return;
    const both = await binding;
    const answers: string[] = [];
    const client = await udpPort.connect(
      { host: '127.0.0.1', port: both.local.port },
      { datagram: (bytes) => answers.push(Buffer.from(bytes).toString()), failed: (error) => answers.push(error.message) },
    );
    client.send(Buffer.from('hello'));
    while (answers.length === 0) await new Promise(setImmediate);
    expect([answers, seen]).toEqual([['hello'], ['127.0.0.1']]);
    await client.close();
    await both.close();
  });

  test('a name is resolved, and one that is not known is said', async () => {
    const silent = { datagram: () => undefined, failed: () => undefined };
    const client = await udpPort.connect({ host: 'localhost', port: 9 }, silent);
    expect(client.local.ip).toMatch(/^(127\.0\.0\.1|::1)$/);
    await client.close();
    await expect(udpPort.connect({ host: 'nobody.invalid', port: 9 }, silent)).rejects.toMatchObject({ code: 'NETWORK' });
    await expect(udpPort.bind({ host: 'nobody.invalid', port: 0 }, silent)).rejects.toMatchObject({ code: 'NETWORK' });
  });

  test('a socket on all addresses knows the one that its own machine is reached at', async () => {
    const socket = await udpPort.bind({ host: '0.0.0.0', port: 0 }, { datagram: () => undefined, failed: () => undefined });
    expect(socket.localIpFor('127.0.0.1')).toBe('127.0.0.1');
    const outer = socket.localIpFor('198.51.100.9');
    expect(socket.localIpFor(outer)).toBe(outer);
    expect(localIpFor('127.0.0.9')).toBe('127.0.0.1');
    await socket.close();
  });
});
