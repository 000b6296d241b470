/** A tracker that is found by real multicast, on the loopback interface alone and on a port of its own: nobody else hears or is heard. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { expect, test } from '@jest/globals';
import { realClock, realRandom } from '../../common/node/clock.js';
import { multicastLan } from '../../common/node/lan-discovery.js';
import { createLog } from '../../common/node/log.js';
import { tcpDialer, tcpListener } from '../../common/node/tcp.js';
import { findTrackers } from '../../peer/discovery/find-trackers.js';
import { openTracker } from '../../peer/discovery/open-tracker.js';
import { createTracker } from '../../tracker/create-tracker.js';

async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}

test('a tracker that nobody named is found, answers, and is gone for those who look when it has stopped', async () => {
  const lan = multicastLan({ interface: '127.0.0.1', port: await freePort() });
  const ports = { clock: realClock, random: realRandom, dialer: tcpDialer, listener: tcpListener };
  const tracker = await createTracker({ ...ports, lan, log: createLog('tracker', 'silent') }, { port: 0 });
  const notes: string[] = [];
  // Nothing listens at port 1.
  const look = () => findTrackers({ ...ports, lan }, { host: '127.0.0.1', port: 1 }, (text) => notes.push(text));
  try {
    const [found, ...others] = await look();
    expect([found, others]).toEqual([{ host: '127.0.0.1', port: tracker.local.port }, []]);
    expect(notes).toEqual([`found tracker 127.0.0.1:${tracker.local.port} on the local network`]);
    const client = openTracker(ports, found ?? { host: '127.0.0.1', port: 1 });
    expect(await client.stats()).toMatchObject({ entries: 0 });
    await client.close();
  } finally {
    await tracker.close();
  }
  await expect(look()).rejects.toMatchObject({
    code: 'NETWORK',
    exitCode: 6,
    message: expect.stringContaining('Start one: tracker.'),
  });
});
