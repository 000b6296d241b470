import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { addTotals, type ConnectionsWatch, NO_TOTALS, ReplyTimes } from './reply-times.js';

describe('the times of a connection', () => {
  test('a peer that is slow to begin is waited for, one that is slow to send is received from', () => {
    const times = new ReplyTimes('10.0.0.1:5', 0);
    times.asked(100);
    expect(times.isWaiting).toBe(true);
    times.began(130);
    times.ended(150, true);
    times.began(450);
    times.ended(460, true);
    times.began(461);
    times.ended(1000, false);
    expect(times.totals()).toEqual({ waitMs: 331, receiveMs: 569, starvedMs: 0, heldBackMs: 0, freshCount: 1, roundTripMs: 30 });
  });

  test('what a peer lets wait beyond the way there and back is the time of its queue', () => {
    const times = new ReplyTimes('10.0.0.1:5', 0);
    times.connected(40);
    times.asked(100);
    times.began(600);
    expect([times.waitedMs, times.receivingSinceMs]).toEqual([460, 600]);
    times.ended(900, true);
    expect([times.waitedMs, times.receivingSinceMs]).toEqual([460, undefined]);
    times.ended(902, false);
    expect(times.waitedMs).toBe(2);
    times.asked(1000);
    times.ended(1030, false);
    expect(times.waitedMs).toBe(0);
  });

  test('the way there and back is known from connecting, however long the first reply takes', () => {
    const times = new ReplyTimes('10.0.0.1:5', 100);
    times.connected(112);
    times.asked(200);
    times.ended(900, false);
    expect(times.totals()).toMatchObject({ waitMs: 700, freshCount: 1, roundTripMs: 12 });
    times.asked(1000);
    times.ended(1008, false);
    expect(times.totals()).toMatchObject({ freshCount: 2, roundTripMs: 8 });
  });

  test('while we have no memory for its bytes, it is not the peer that is slow', () => {
    const times = new ReplyTimes('10.0.0.1:5', 0);
    times.asked(0);
    times.starved(1);
    times.resumed(501);
    times.ended(503, false);
    expect(times.totals()).toEqual({ waitMs: 3, receiveMs: 0, starvedMs: 500, heldBackMs: 0, freshCount: 0, roundTripMs: null });
  });

  test('what our own limit held back is the time of nobody else, and counts only while something is due', () => {
    let limiterMs = 400;
    const times = new ReplyTimes('10.0.0.1:5', 0, undefined, () => limiterMs);
    times.asked(500);
    limiterMs = 480;
    times.began(600);
    limiterMs = 900;
    times.ended(700, false);
    expect(times.totals()).toMatchObject({ waitMs: 20, receiveMs: 0, heldBackMs: 180 });
  });

  test('the state in which a connection ends counts too', () => {
    const times = new ReplyTimes('10.0.0.1:5', 0);
    times.asked(0);
    times.closed(80);
    expect(times.totals().waitMs).toBe(80);
  });

  test('whoever watches hears when a reply is due and when it is not, and of the end with all totals', () => {
    const heard: unknown[] = [];
    let limiterMs = 0;
    const watch: ConnectionsWatch = {
      watchConnection: (address) => {
        heard.push(address);
        return { turned: (...turn) => heard.push(turn), closed: (totals) => heard.push(totals.waitMs) };
      },
    };
    const times = new ReplyTimes('10.0.0.1:5', 0, watch, () => limiterMs);
    times.asked(10);
    limiterMs = 4;
    times.began(20);
    times.ended(40, true);
    times.starved(50);
    times.resumed(60);
    times.closed(90);
    expect(heard).toEqual([
      '10.0.0.1:5',
      ['none', 'due', 10, 10, 0],
      ['due', 'starved', 50, 40, 4],
      ['starved', 'due', 60, 10, 0],
      ['due', 'none', 90, 30, 0],
      46,
    ]);
  });

  test('no moment counts twice, and none goes missing while a request is open', () => {
    const steps = fc.array(fc.tuple(fc.constantFrom('began', 'ended', 'starved', 'resumed'), fc.nat(1000)), { maxLength: 50 });
    fc.assert(
      fc.property(steps, (list) => {
        let limiterMs = 0;
        const times = new ReplyTimes('10.0.0.1:5', 0, undefined, () => limiterMs);
        let nowMs = 7;
        times.asked(nowMs);
        for (const [step, passedMs] of list) {
          nowMs += passedMs;
          limiterMs += passedMs / 2;
          if (step === 'ended') times.ended(nowMs, true);
          else times[step as 'began'](nowMs);
        }
        times.closed(nowMs);
        const { waitMs, receiveMs, starvedMs, heldBackMs } = times.totals();
        expect(waitMs + receiveMs + starvedMs + heldBackMs).toBe(nowMs - 7);
      }),
    );
  });

  test('several connections to one peer add up, and the shortest way there and back counts', () => {
    const one = { waitMs: 1, receiveMs: 2, starvedMs: 3, heldBackMs: 7, freshCount: 4, roundTripMs: 50 };
    expect(addTotals(NO_TOTALS, NO_TOTALS).roundTripMs).toBeNull();
    expect(addTotals(NO_TOTALS, one)).toEqual(one);
    expect(addTotals({ ...one, roundTripMs: 20 }, one)).toEqual({
      waitMs: 2,
      receiveMs: 4,
      starvedMs: 6,
      heldBackMs: 14,
      freshCount: 8,
      roundTripMs: 20,
    });
  });
});
