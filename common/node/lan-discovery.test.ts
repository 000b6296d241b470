/** Real multicast, on the loopback interface alone and on a port of its own, so that nobody else hears or is heard. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { HostPort } from '../core/peer-address.js';
import type { LanActivity } from '../ports/lan-discovery.js';
import { multicastLan } from './lan-discovery.js';

const closing: LanActivity[] = [];
afterEach(async () => {
  for (const one of closing.splice(0).reverse()) await one.close();
});

async function freePort(): Promise<number> {
  const socket: Socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}

/** Looks around, and resolves with what is found by the time that `isEnough` holds. */
async function findUntil(port: number, isEnough: (found: readonly HostPort[]) => boolean): Promise<readonly HostPort[]> {
  const found: HostPort[] = [];
  let enough = () => {};
  const over = new Promise<void>((resolve) => {
    enough = resolve;
  });
  const looking = await multicastLan({ interface: '127.0.0.1', port }).seek((tracker) => {
    found.push(tracker);
    if (isEnough(found)) enough();
  });
  closing.push(looking);
  await over;
  return found;
}

describe('discovery by multicast', () => {
  test('finds a tracker by the address that it is seen at, or by the only one that it names, each once', async () => {
    const port = await freePort();
    const lan = multicastLan({ interface: '127.0.0.1', port });
    closing.push(await lan.announce({ port: 4711 }), await lan.announce({ port: 4712, ip: '10.1.2.3' }));
    const found = await findUntil(port, (all) => all.length === 2);
    expect(found).toHaveLength(2);
    expect(found).toEqual(
      expect.arrayContaining([
        { host: '127.0.0.1', port: 4711 },
        { host: '10.1.2.3', port: 4712 },
      ]),
    );
  });

  test('does not find one that has said goodbye', async () => {
    const port = await freePort();
    const lan = multicastLan({ interface: '127.0.0.1', port });
    const gone = await lan.announce({ port: 4711 });
    await findUntil(port, (all) => all.length === 1);
    await gone.close();
    await gone.close();
    closing.push(await lan.announce({ port: 4712 }));
    expect(await findUntil(port, (all) => all.length === 1)).toEqual([{ host: '127.0.0.1', port: 4712 }]);
  });

  test('on an interface that there is not nobody is found, and nothing breaks', async () => {
    const port = await freePort();
    const lan = multicastLan({ interface: '203.0.113.77', port });
    const found: HostPort[] = [];
    const [announced, looking] = [await lan.announce({ port: 4711 }), await lan.seek((tracker) => found.push(tracker))];
    await looking.close();
    await announced.close();
    expect(found).toEqual([]);
  });
});
