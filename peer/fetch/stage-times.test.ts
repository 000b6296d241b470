import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ReplyTimes } from '../net/reply-times.js';
import { type Stage, StageTimes } from './stage-times.js';

const SLOTS = 8;
const PEERS = ['10.0.0.1:5', '10.0.0.2:5', '10.0.0.3:5'];

/** What was spent, without the stages that nothing was spent on. */
function spent(times: StageTimes, nowMs: number): Partial<Record<Stage, number>> {
  return Object.fromEntries(Object.entries(times.report(nowMs).spentMs).filter(([, ms]) => ms > 0));
}

function fetching() {
  const times = new StageTimes(0, SLOTS);
  times.enter('fetch', 0);
  const connections = PEERS.map((address) => new ReplyTimes(address, 0, times));
  for (const connection of connections) connection.connected(0);
  return { times, connections };
}

describe('the times of a fetch', () => {
  test('phases before and after the fetching are stages of their own', () => {
    const times = new StageTimes(1000, SLOTS);
    times.enter('lookup', 1001);
    times.enter('connect', 1010);
    times.enter('check', 1030);
    times.enter('fetch', 1070);
    times.enter('finish', 1150);
    expect(spent(times, 1310)).toEqual({ lookup: 10, connect: 20, check: 40, 'no-peer': 80, sync: 160 });
  });

  test('all peers that are busy share the waiting for them, and the last one alone gets all', () => {
    const { times, connections } = fetching();
    for (const connection of connections) connection.asked(10);
    connections[0]?.ended(310, false);
    connections[1]?.ended(310, false);
    connections[2]?.ended(1310, false);
    expect(spent(times, 1320)).toEqual({ 'no-peer': 20, peers: 1300 });
    expect(times.report(1320).peers.map(({ address, heldMs }) => [address, Math.round(heldMs)])).toEqual([
      ['10.0.0.1:5', 100],
      ['10.0.0.2:5', 100],
      ['10.0.0.3:5', 1100],
    ]);
  });

  test('a peer that is being waited for has its part so far, and keeps it over several connections', () => {
    const { times, connections } = fetching();
    connections[0]?.asked(0);
    expect(times.report(100).peers[0]).toMatchObject({ address: '10.0.0.1:5', heldMs: 100 });
    connections[0]?.closed(200);
    const again = new ReplyTimes('10.0.0.1:5', 300, times);
    again.asked(300);
    again.closed(350);
    expect(times.report(400).peers[0]).toMatchObject({ address: '10.0.0.1:5', heldMs: 250, waitMs: 250 });
  });

  test('a connection without a slot means that the workers are behind', () => {
    const { times, connections } = fetching();
    for (const connection of connections) connection.asked(0);
    connections[1]?.starved(100);
    connections[1]?.resumed(150);
    expect(spent(times, 160)).toEqual({ peers: 110, landing: 50 });
  });

  test('half of the slots with the workers mean the same, though a connection finds a slot now and then', () => {
    const { times, connections } = fetching();
    connections[0]?.asked(0);
    for (let count = 0; count < SLOTS / 2; count += 1) times.landing(100);
    expect(spent(times, 140)).toEqual({ peers: 100, landing: 40 });
    times.landed(100, 140, 0, 0);
    expect(spent(times, 150)).toEqual({ peers: 110, landing: 40 });
  });

  test('what is left when all has arrived is the landing, then the sync', () => {
    const { times } = fetching();
    times.landing(0);
    times.syncing(10);
    times.landed(0, 30, 0, 0);
    expect(spent(times, 50)).toEqual({ landing: 30, sync: 20 });
    times.synced(10, 50);
    times.landing(50);
    times.fileOpened(50, 90);
    times.landing(90);
    times.landed(90, 100, 3, 6);
    expect(times.report(100).work).toEqual({ landedCount: 2, openMs: 40, hashMs: 3, writeMs: 6, queueMs: 31, syncMs: 40 });
  });

  test('what our own limit held back goes from the waiting for peers to the limit, each connection for itself', () => {
    const times = new StageTimes(0, SLOTS);
    times.enter('fetch', 0);
    let limiterMs = 70;
    const [held, free] = [new ReplyTimes('10.0.0.1:5', 0, times, () => limiterMs), new ReplyTimes('10.0.0.2:5', 0, times)];
    for (const connection of [held, free]) {
      connection.connected(0);
      connection.asked(0);
    }
    limiterMs += 900;
    for (const connection of [held, free]) connection.ended(1000, false);
    expect(spent(times, 1000)).toEqual({ limit: 450, peers: 550 });
    expect(times.report(1000).peers).toMatchObject([
      { heldMs: expect.closeTo(50), heldBackMs: 900, waitMs: 100 },
      { heldMs: 500, heldBackMs: 0, waitMs: 1000 },
    ]);
  });

  test('who was dialed and never connected is not among the peers', () => {
    const times = new StageTimes(0, SLOTS);
    new ReplyTimes('10.0.0.1:5', 0, times).closed(50);
    expect(times.report(60).peers).toEqual([]);
  });

  test('whatever happens, each moment is charged once, and the waiting for peers is shared out without rest', () => {
    const step = fc.record({
      passedMs: fc.nat(500),
      peer: fc.nat(PEERS.length - 1),
      what: fc.constantFrom('asked', 'began', 'more', 'idle', 'starved', 'resumed', 'landing', 'landed', 'sync', 'limit'),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        let limiterMs = 0;
        const times = new StageTimes(0, SLOTS);
        times.enter('fetch', 0);
        const connections = PEERS.map((address) => new ReplyTimes(address, 0, times, () => limiterMs));
        for (const connection of connections) connection.connected(0);
        let nowMs = 0;
        let landingCount = 0;
        for (const { passedMs, peer, what } of steps) {
          nowMs += passedMs;
          const connection = connections[peer] as ReplyTimes;
          if (what === 'more' || what === 'idle') connection.ended(nowMs, what === 'more');
          else if (what === 'landing') {
            landingCount += 1;
            times.landing(nowMs);
          } else if (what === 'landed') {
            if (landingCount > 0) times.landed(nowMs, nowMs, 0, 0);
            landingCount = Math.max(0, landingCount - 1);
          } else if (what === 'sync') times.syncing(nowMs);
          else if (what === 'limit') limiterMs += passedMs / 2;
          else connection[what as 'asked'](nowMs);
        }
        const report = times.report(nowMs);
        const sum = (numbers: readonly number[]) => numbers.reduce((total, one) => total + one, 0);
        expect(sum(Object.values(report.spentMs))).toBeCloseTo(report.totalMs, 6);
        expect(sum(report.peers.map(({ heldMs }) => heldMs))).toBeCloseTo(report.spentMs.peers, 6);
      }),
    );
  });
});
