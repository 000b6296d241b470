import { describe, expect, test } from '@jest/globals';
import { datagramContract } from '../testkit/datagram-contract.js';
import { RecordingEnd } from '../testkit/recording-end.js';
import { streamContract } from '../testkit/stream-contract.js';
import { livingDatagrams, livingDialer, livingListener } from './living-network.js';
import { SimClock } from './sim-clock.js';
import { SimLife } from './sim-life.js';
import { SimNetwork } from './sim-network.js';

const HOST = '10.0.0.1';
const PORT = 4701;

function automatic() {
  return new SimNetwork(new SimClock({ isAutomatic: true })).host({ ip: HOST, latencyMs: 1 });
}

streamContract('the network of a simulated program', () => {
  const [host, life] = [automatic(), new SimLife()];
  return { dialer: livingDialer(life, host.dialer), listenPort: livingListener(life, host.listenPort), host: HOST };
});

datagramContract('the network of a simulated program', () => {
  return { port: livingDatagrams(new SimLife(), automatic().datagrams), host: HOST };
});

/** A program that listens and ticks, and another one that is connected to it. */
async function pair() {
  const clock = new SimClock();
  const network = new SimNetwork(clock);
  const [host, other] = [network.host({ ip: HOST, latencyMs: 1 }), network.host({ ip: '10.0.0.2' })];
  const life = new SimLife();
  const accepted: RecordingEnd[] = [];
  await livingListener(life, host.listenPort).listen({ host: HOST, port: PORT, connectionsMaxCount: 9 }, (stream) => {
    const end = new RecordingEnd(stream);
    accepted.push(end);
    return end;
  });
  const ticksMs: number[] = [];
  const own = life.clock(clock);
  const tick = () => {
    ticksMs.push(own.nowMs());
    if (own.nowMs() < 1000) own.setTimer('tick', 100, tick);
  };
  own.setTimer('tick', 100, tick);
  const dialed: RecordingEnd[] = [];
  const dial = () =>
    other.dialer.dial({ host: HOST, port: PORT }, 1000, (stream) => {
      const end = new RecordingEnd(stream);
      dialed.push(end);
      return end;
    });
  const first = dial();
  await clock.run({ untilMs: 50 });
  await first;
  return { clock, host, life, accepted, ticksMs, dialed, dial };
}

describe('a program that is stopped', () => {
  test('is told nothing until it goes on, and then everything, in order; its system takes a window of bytes for it', async () => {
    const { clock, life, accepted, ticksMs, dialed, dial } = await pair();
    const [near, far] = [dialed[0], accepted[0]];
    await clock.run({ untilMs: 250 });
    life.stop();
    near?.stream.write(new Uint8Array(1_000_000));
    near?.stream.end();
    void dial();
    await clock.run({ untilMs: 700 });
    expect([far?.log, accepted.length, ticksMs]).toEqual([[], 1, [100, 200]]);
    expect(near?.stream.queuedBytes).toBe(1_000_000 - 256 * 1024);
    // Its system has accepted the second one.
    expect(dialed).toHaveLength(2);
    life.goOn();
    await clock.run();
    expect(far?.log).toEqual(['data', 'ended']);
    expect([far?.receivedBytes, accepted.length]).toEqual([1_000_000, 2]);
    expect(ticksMs).toEqual([100, 200, 700, 800, 900, 1000]);
  });

  test('does not run what was cancelled while it waited', async () => {
    const [clock, life] = [new SimClock(), new SimLife()];
    const own = life.clock(clock);
    const ran: string[] = [];
    const later = own.setTimer('later', 20, () => ran.push('later'));
    own.setTimer('sooner', 10, () => later.cancel());
    life.stop();
    await clock.run();
    life.goOn();
    expect(ran).toEqual([]);
  });
});

describe('a program that died', () => {
  test('is told nothing, and what is left of it does nothing', async () => {
    const { clock, host, life, accepted, ticksMs, dialed } = await pair();
    const far = accepted[0];
    life.die();
    far?.stream.write('from the grave');
    far?.stream.destroy();
    let isSettled = false;
    void livingDialer(life, host.dialer)
      .dial({ host: '10.0.0.2', port: 1 }, 100, (stream) => new RecordingEnd(stream))
      .finally(() => {
        isSettled = true;
      });
    host.crash();
    host.restart();
    await clock.run();
    expect([far?.log, ticksMs, isSettled]).toEqual([[], [], false]);
    expect([dialed[0]?.log, dialed[0]?.receivedBytes]).toEqual([['closed'], 0]);
  });
});
