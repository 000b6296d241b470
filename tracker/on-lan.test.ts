import { describe, expect, test } from '@jest/globals';
import { createLog } from '../common/node/log.js';
import { SimClock } from '../common/sim/sim-clock.js';
import { SimLan } from '../common/sim/sim-lan.js';
import { SimNetwork } from '../common/sim/sim-network.js';
import { SimRandom } from '../common/sim/sim-random.js';
import { createTracker, type TrackerOptions } from './create-tracker.js';

/** What the network hears of a tracker with these options, while it runs and when it was closed. */
async function heard(options: TrackerOptions): Promise<{ while: readonly object[]; after: readonly object[] }> {
  const clock = new SimClock();
  const lan = new SimLan(clock);
  const { listenPort: listener } = new SimNetwork(clock).host({ ip: options.host === '127.0.0.1' ? '127.0.0.1' : '10.0.0.1' });
  const ports = { clock, random: new SimRandom(1), listener, lan: lan.at('10.0.0.1'), log: createLog('tracker', 'silent') };
  const tracker = await createTracker(ports, options);
  const announced = lan.announced;
  const closing = tracker.close();
  await clock.run({});
  await closing;
  return { while: announced, after: lan.announced };
}

describe('a tracker on the local network', () => {
  test('makes itself known while it runs, by the address that it is seen at or the only one that it has', async () => {
    expect(await heard({ port: 4700 })).toEqual({ while: [{ host: '10.0.0.1', port: 4700 }], after: [] });
    expect(await heard({ port: 4701, host: '10.0.0.1' })).toEqual({ while: [{ host: '10.0.0.1', port: 4701 }], after: [] });
  });

  test('says nothing where only this machine can reach it, or where it is told not to', async () => {
    expect((await heard({ host: '127.0.0.1' })).while).toEqual([]);
    expect((await heard({ isMdns: false })).while).toEqual([]);
  });
});
