import { beforeEach, describe, expect, test } from '@jest/globals';
import { Bitfield } from '../../common/core/bitfield.js';
import { CHUNK_BYTES } from '../../common/core/limits.js';
import { parseContentRoot } from '../../common/core/root.js';
import type { PeerConnection, ReplyHead } from '../net/peer-connection.js';
import { Catalog } from './catalog.js';
import { claimHelp } from './helping.js';
import { PeerScore } from './peer-score.js';
import { Plan } from './plan.js';
import { Supplier } from './supplier.js';

const UNITS = 8;
const ROOT = parseContentRoot('ab'.repeat(32));
const catalog = new Catalog([
  {
    path: undefined,
    sizeBytes: UNITS * CHUNK_BYTES,
    content: { by: 'root', root: ROOT },
    root: ROOT,
    hashName: 'blake3',
    hashes: new Uint8Array(32 * UNITS),
  },
]);

let plan: Plan;
/** What peers were asked to give back: `<peer> <chunk>`. */
let takenBack: string[];

beforeEach(() => {
  plan = new Plan(new Bitfield(UNITS), { below: () => 0 });
  takenBack = [];
});

/** A peer that has everything and brings a chunk in `chunkMs`; what it was asked for at 0 is open, and `head` is how far the first is. */
function peer(
  key: string,
  chunkMs: number,
  askedCount: number,
  head: Partial<ReplyHead> = {},
  greeting: Supplier['greeting'] = 'telling',
): Supplier {
  const score = new PeerScore();
  score.asked(0, true);
  score.delivered(0, chunkMs, CHUNK_BYTES);
  const connection = {
    head: { sinceMs: 0, gotBytes: 0, beganMs: undefined, ...head },
    cancelChunk: (_: unknown, chunkIndex: number) => takenBack.push(`${key} ${chunkIndex}`),
  };
  const made = new Supplier({
    key,
    address: { ip: '192.0.2.7', port: 1 },
    score,
    // The parts of a connection that helping looks at.
    connection: connection as unknown as PeerConnection,
    isDialing: false,
    isLiar: false,
    isSelf: false,
    namedBy: 'link',
    turn: 0,
    isBudgeted: false,
  });
  made.greeting = greeting;
  made.peer = plan.join();
  for (let count = 0; count < askedCount; count += 1) made.asked.set(plan.next(made.peer, 0) ?? -1, 0);
  return made;
}

function help(helper: Supplier, others: readonly Supplier[], nowMs: number): number | undefined {
  return claimHelp(helper, { suppliers: [helper, ...others], plan, catalog, chunkBytes: CHUNK_BYTES }, nowMs);
}

describe('an idle peer', () => {
  test('has what another has not begun with given back, the one that would come last, and asks for nothing twice', () => {
    const slow = peer('slow', 1000, 3);
    expect(help(peer('fast', 100, 0), [slow, peer('middle', 300, 1)], 50)).toBeUndefined();
    expect(takenBack).toEqual(['slow 2']);
  });

  test('asks once for each, and takes over what comes back', () => {
    const [slow, fast] = [peer('slow', 1000, 1), peer('fast', 100, 0)];
    for (const nowMs of [50, 200]) expect(help(fast, [slow], nowMs)).toBeUndefined();
    expect(takenBack).toEqual(['slow 0']);
    expect(slow.answered(0)).toBe(true);
    plan.failed(0, slow.peer ?? plan.join(), 'later', 300);
    expect(plan.next(fast.peer ?? plan.join(), 300)).toBe(0);
  });

  test('leaves alone what it would not bring in half of the time', () => {
    expect(help(peer('helper', 600, 0), [peer('other', 1000, 1)], 0)).toBeUndefined();
    expect(takenBack).toEqual([]);
  });

  test('takes who is late already to be late for as long again', () => {
    const [helper, late] = [peer('helper', 600, 0), peer('late', 1000, 1)];
    help(helper, [late], 1200);
    expect(takenBack).toEqual([]);
    help(helper, [late], 1201);
    expect(takenBack).toEqual(['late 0']);
  });

  test('lets be what is on its way, and repeats it only where that goes on for more than five seconds', () => {
    const half = { beganMs: 0, gotBytes: CHUNK_BYTES / 2 };
    const [fast, sending] = [peer('fast', 100, 0), peer('sending', 1000, 1, half)];
    expect(help(fast, [sending], 5000)).toBeUndefined();
    expect(takenBack).toEqual([]);
    expect(help(fast, [sending], 5001)).toBe(0);
  });

  test('repeats what a peer is mute about: it neither begins nor gives back', () => {
    const [fast, mute] = [peer('fast', 100, 0), peer('mute', 1000, 1)];
    help(fast, [mute], 0);
    expect(help(fast, [mute], 1000)).toBeUndefined();
    expect(help(fast, [mute], 1001)).toBe(0);
  });

  test('MP5: repeats what has stopped on its way, before the last byte too, and at once what waits behind that', () => {
    const last = { beganMs: 0, gotBytes: CHUNK_BYTES - 1 };
    const [fast, stuck] = [peer('fast', 100, 0), peer('stuck', 1000, 3, last)];
    for (const nowMs of [100, 200, 1100]) expect(help(fast, [stuck], nowMs)).toBeUndefined();
    expect(takenBack).toEqual(['stuck 2', 'stuck 1']);
    expect(help(fast, [stuck], 1101)).toBe(0);
    fast.asked.set(0, 1101);
    expect(help(fast, [stuck], 1102)).toBe(2);
    expect(help(fast, [stuck], 1202)).toBe(1);
  });

  test('has all given back by one that never brought anything', () => {
    const [fast, unknown] = [peer('fast', 100, 0), peer('unknown', 1000, 3)];
    Object.assign(unknown.lane, { score: new PeerScore() });
    help(fast, [unknown], 10);
    expect(takenBack).toEqual(['unknown 0', 'unknown 1', 'unknown 2']);
  });

  test('repeats what a stranger was asked for, who cannot give back', () => {
    expect(help(peer('fast', 100, 0), [peer('stranger', 1000, 2, {}, 'plain')], 0)).toBe(1);
    expect(takenBack).toEqual([]);
  });

  test('is one that has nothing to do itself', () => {
    expect(help(peer('fast', 100, 1), [peer('stranger', 1000, 2, {}, 'plain')], 0)).toBeUndefined();
  });
});
