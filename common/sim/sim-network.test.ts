import { streamContract } from '../testkit/stream-contract.js';
import { SimClock } from './sim-clock.js';
import { SimNetwork } from './sim-network.js';

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
