import { beforeEach, describe, expect, test } from '@jest/globals';
import { asShoalError } from '../../common/core/errors.js';
import { formatHostPort } from '../../common/core/peer-address.js';
import { SimClock } from '../../common/sim/sim-clock.js';
import { SimLan } from '../../common/sim/sim-lan.js';
import { type SimHost, SimNetwork } from '../../common/sim/sim-network.js';
import { findTrackers } from './find-trackers.js';

const HERE = { host: '127.0.0.1', port: 4700 };

let clock: SimClock;
let lan: SimLan;
let local: SimHost;
let notes: string[];

beforeEach(() => {
  clock = new SimClock();
  lan = new SimLan(clock);
  local = new SimNetwork(clock).host({ ip: '127.0.0.1' });
  notes = [];
});

/** What is found, or the error, and the simulated time that it took. */
async function find(): Promise<{ outcome: string; tookMs: number }> {
  const sinceMs = clock.nowMs();
  let result: { outcome: string; tookMs: number } | undefined;
  const end = (outcome: string) => {
    result = { outcome, tookMs: clock.nowMs() - sinceMs };
  };
  const ports = { dialer: local.dialer, clock, lan: lan.at('10.0.0.9') };
  void findTrackers(ports, HERE, (text) => notes.push(text)).then(
    (trackers) => end(trackers.map(formatHostPort).join(' ')),
    (error: unknown) => end(`${asShoalError(error).exitCode} ${asShoalError(error).message}`),
  );
  await clock.run({ isOver: () => result !== undefined });
  return result ?? { outcome: 'it never ended', tookMs: 0 };
}

describe('where nobody named a tracker', () => {
  test('the one on this machine is used, and nobody else is asked for', async () => {
    await local.listenPort.listen({ ...HERE, connectionsMaxCount: 9 }, () => ({
      data: () => undefined,
      ended: () => undefined,
      closed: () => undefined,
    }));
    await lan.at('10.0.0.1').announce({ port: 4700 });
    expect(await find()).toEqual({ outcome: '127.0.0.1:4700', tookMs: 0 });
    expect(notes).toEqual([]);
  });

  test('all that are found on the network are used and named, a moment after the first of them', async () => {
    await lan.at('10.0.0.1').announce({ port: 4700 });
    await lan.at('10.0.0.2').announce({ port: 4701, ip: '10.0.0.200' });
    clock.setTimer('late', 200, () => void lan.at('10.0.0.3').announce({ port: 4700 }));
    clock.setTimer('too late', 300, () => void lan.at('10.0.0.4').announce({ port: 4700 }));
    expect(await find()).toEqual({ outcome: '10.0.0.1:4700 10.0.0.200:4701 10.0.0.3:4700', tookMs: 270 });
    expect(notes[0]).toBe('found tracker 10.0.0.1:4700 on the local network');
    expect(notes).toHaveLength(3);
  });

  test('and none is found within a second, it says what to do: exit code 6', async () => {
    const gone = await lan.at('10.0.0.1').announce({ port: 4700 });
    await gone.close();
    const { outcome, tookMs } = await find();
    expect(outcome).toMatch(
      /^6 No tracker was named, none runs on this machine \(127\.0\.0\.1:4700\).* Start one: tracker\. .*--tracker host:port/,
    );
    expect(tookMs).toBe(1000);
  });

  test('a network full of liars gives a bounded number', async () => {
    for (let n = 1; n <= 200; n += 1) await lan.at('10.0.0.1').announce({ port: n });
    expect((await find()).outcome.split(' ')).toHaveLength(32);
  });
});
