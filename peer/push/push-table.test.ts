import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ShoalError } from '../../common/core/errors.js';
import { parseFileName } from '../../common/core/file-name.js';
import { PUSH_KEPT_MS, PUSHES_KEPT_MAX_COUNT, PUSHES_WAITING_PER_IP_MAX_COUNT } from '../../common/core/limits.js';
import { parseContentRoot } from '../../common/core/root.js';
import { errorCode } from '../../common/testkit/error-code.js';
import type { PushOffer } from '../../common/wire/peer-lines.js';
import { PushTable, pushStateOf } from './push-table.js';

const ROOT = parseContentRoot('ab'.repeat(32));

function offerOf(index: number, sizeBytes = 10): PushOffer {
  return { name: parseFileName(`file ${index}`), sizeBytes, root: ROOT, port: 4701 };
}

function failure(): ShoalError {
  return new ShoalError('VERIFY_FAILED', 'remote', 'It is not what was offered.');
}

describe('push table', () => {
  test('a push goes through its states, and tells how far it is in chunks', () => {
    const table = new PushTable({ quotaBytes: 10 * 524_288, parallelCount: 1 });
    const offer = offerOf(0, 4 * 524_288);
    expect(pushStateOf(table.admit(offer, 'ip'))).toEqual({ state: 'waiting', haveChunks: 0, chunkCount: 4 });
    const record = table.begin();
    expect(record?.offer).toBe(offer);
    table.progressed(offer, 3 * 524_288 - 1);
    expect(record && pushStateOf(record)).toEqual({ state: 'fetching', haveChunks: 2, chunkCount: 4 });
    table.ended(offer, { kind: 'done', addedBytes: 4 * 524_288 }, 0);
    expect(record && pushStateOf(record)).toEqual({ state: 'done', haveChunks: 4, chunkCount: 4 });
    expect(table.roomBytes).toBe(6 * 524_288);
  });

  test('what fails frees its quota but for what it left on disk, and tells why', () => {
    const table = new PushTable({ quotaBytes: 100, parallelCount: 1 });
    const offer = offerOf(0, 100);
    table.admit(offer, 'ip');
    table.begin();
    expect(table.roomBytes).toBe(0);
    table.progressed(offer, 30);
    table.ended(offer, { kind: 'failed', error: failure() }, 0);
    expect(table.roomBytes).toBe(70);
    expect(table.leftovers(offerOf(1)).map((record) => pushStateOf(record))).toEqual([
      { state: 'failed', haveChunks: 0, chunkCount: 1, code: 'VERIFY_FAILED', text: 'It is not what was offered.' },
    ]);
    table.forget(offer);
    expect(table.roomBytes).toBe(100);
  });

  test('no message that names a folder of this machine is told', () => {
    for (const code of ['TARGET_EXISTS', 'DISK_FULL', 'IO', 'DENIED', 'USAGE', 'INTERNAL'] as const) {
      const table = new PushTable({ quotaBytes: 100, parallelCount: 1 });
      const record = table.admit(offerOf(0), 'ip');
      table.begin();
      table.ended(offerOf(0), { kind: 'failed', error: new ShoalError(code, 'environment', 'at /home/me/secret') }, 0);
      expect(pushStateOf(record)).toMatchObject({ code, text: expect.not.stringContaining('secret') });
    }
  });

  test('one address fills its own places only', () => {
    const table = new PushTable({ quotaBytes: 1e6, parallelCount: 1 });
    for (let index = 0; index < PUSHES_WAITING_PER_IP_MAX_COUNT; index += 1) table.admit(offerOf(index), '10.0.0.1');
    expect(errorCode(() => table.admit(offerOf(-1), '10.0.0.1'))).toBe('BUSY');
    expect(table.admit(offerOf(-1), '10.0.0.2').phase.kind).toBe('waiting');
  });

  test('offers of one address that never come do not hold up those of others', () => {
    const table = new PushTable({ quotaBytes: 1e6, parallelCount: 2 });
    for (let index = 0; index < 5; index += 1) table.admit(offerOf(index), '10.0.0.1');
    expect([table.begin()?.offer.name, table.begin()?.offer.name, table.begin()]).toEqual(['file 0', 'file 1', undefined]);
    table.admit(offerOf(5), '10.0.0.2');
    table.admit(offerOf(6), '10.0.0.2');
    table.ended(offerOf(1), { kind: 'failed', error: failure() }, 0);
    expect(table.begin()?.offer.name).toBe('file 5');
    table.ended(offerOf(5), { kind: 'done', addedBytes: 10 }, 0);
    expect(table.begin()?.offer.name).toBe('file 6');
    table.ended(offerOf(6), { kind: 'done', addedBytes: 10 }, 0);
    expect(table.begin()?.offer.name).toBe('file 2');
  });

  test('what a failed push left is counted until the next try is taken, and goes for nothing that would not fit', () => {
    const table = new PushTable({ quotaBytes: 100, parallelCount: 1 });
    table.admit(offerOf(0, 90), 'ip');
    table.begin();
    table.progressed(offerOf(0, 90), 40);
    table.ended(offerOf(0, 90), { kind: 'failed', error: failure() }, 0);
    expect([table.roomBytes, table.roomFor(offerOf(0, 90))]).toEqual([60, 100]);
    expect([table.leftovers(offerOf(1, 101)), table.leftovers(offerOf(0, 90))]).toEqual([[], []]);
    expect(table.leftovers(offerOf(1, 100))).toHaveLength(1);
    table.admit(offerOf(1, 60), 'ip');
    expect(errorCode(() => table.admit(offerOf(0, 90), 'ip'))).toBe('LIMIT');
    expect(table.roomBytes).toBe(0);
    table.begin();
    table.ended(offerOf(1, 60), { kind: 'done', addedBytes: 10 }, 0);
    expect(table.admit(offerOf(0, 90), 'ip').phase.kind).toBe('waiting');
    expect(table.roomBytes).toBe(0);
  });

  test('states are forgotten after their time, and the oldest where there are too many', () => {
    const table = new PushTable({ quotaBytes: 1e9, parallelCount: 1 });
    for (let index = 0; index <= PUSHES_KEPT_MAX_COUNT; index += 1) {
      table.admit(offerOf(index), 'ip');
      table.begin();
      table.ended(offerOf(index), { kind: 'done', addedBytes: 0 }, index);
    }
    expect(table.forgetOld(0).map(({ offer }) => offer.name)).toEqual(['file 0']);
    expect(table.forgetOld(PUSH_KEPT_MS + 1).map(({ offer }) => offer.name)).toEqual(['file 1']);
    expect([...table.records()]).toHaveLength(PUSHES_KEPT_MAX_COUNT - 1);
  });

  test('law: whatever happens, the quota holds, and never more are fetched than are to be', () => {
    const step = fc.record({
      what: fc.constantFrom('admit', 'size', 'progress', 'done', 'fail', 'forget'),
      pick: fc.nat(20),
      bytes: fc.nat(60),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), fc.integer({ min: 1, max: 3 }), (steps, parallelCount) => {
        const quotaBytes = 100;
        const table = new PushTable({ quotaBytes, parallelCount });
        let diskBytes = 0;
        let nextIndex = 0;
        for (const { what, pick, bytes } of steps) {
          const open = [...table.records()].filter(({ phase }) => phase.kind === 'fetching');
          const one = open[pick % Math.max(1, open.length)];
          try {
            if (what === 'admit') table.admit(offerOf(nextIndex++, bytes), 'ip');
            else if (what === 'forget') table.forget(offerOf(pick));
            else if (one === undefined) continue;
            else if (what === 'size') table.sized(one.offer, bytes);
            else if (what === 'progress') table.progressed(one.offer, bytes);
            else if (what === 'fail') table.ended(one.offer, { kind: 'failed', error: failure() }, 0);
            else {
              table.ended(one.offer, { kind: 'done', addedBytes: one.totalBytes }, 0);
              diskBytes += one.totalBytes;
            }
          } catch (error) {
            if (!(error instanceof ShoalError) || error.code !== 'LIMIT') throw error;
          }
          while (table.begin() !== undefined);
          const records = [...table.records()];
          const comingBytes = records.map(({ phase, totalBytes, doneBytes }) =>
            phase.kind === 'failed' ? doneBytes : phase.kind === 'done' ? 0 : totalBytes,
          );
          expect(diskBytes + comingBytes.reduce((sum, some) => sum + some, 0)).toBeLessThanOrEqual(quotaBytes);
          expect(records.filter(({ phase }) => phase.kind === 'fetching').length).toBeLessThanOrEqual(parallelCount);
        }
      }),
    );
  });
});
