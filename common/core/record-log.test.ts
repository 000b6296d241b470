import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { hashFunction } from '../node/hash.js';
import { RECORD_MAX_BYTES } from './limits.js';
import { decodeFrames, encodeFrame, encodeLogHead, FRAME_HEAD_BYTES, frameLength, hasLogHead } from './record-log.js';

const hash = hashFunction('blake3');

function logOf(payloads: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(payloads.map((payload) => encodeFrame(payload, hash)));
}

function decodeAll(bytes: Uint8Array): { goodBytes: number; payloads: Uint8Array[] } {
  const payloads: Uint8Array[] = [];
  const goodBytes = decodeFrames(bytes, hash, (payload) => payloads.push(Uint8Array.from(payload)));
  return { goodBytes, payloads };
}

const payloadLists = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 });

describe('record log', () => {
  test('gives back every record that was written', () => {
    fc.assert(
      fc.property(payloadLists, (payloads) => {
        const log = logOf(payloads);
        expect(decodeAll(log)).toEqual({ goodBytes: log.length, payloads });
      }),
    );
  });

  test('RS2: cut anywhere, it gives the records before the cut and says where the good part ends', () => {
    const payloads = [Uint8Array.of(1, 2, 3), new Uint8Array(0), Uint8Array.of(9)];
    const log = logOf(payloads);
    const ends = payloads.map((_, index) => logOf(payloads.slice(0, index + 1)).length);
    for (let cut = 0; cut <= log.length; cut += 1) {
      const whole = ends.filter((end) => end <= cut).length;
      expect(decodeAll(log.subarray(0, cut))).toEqual({ goodBytes: ends[whole - 1] ?? 0, payloads: payloads.slice(0, whole) });
    }
  });

  test('a flipped bit ends the log before the record that holds it', () => {
    fc.assert(
      fc.property(payloadLists, fc.nat(), (payloads, seed) => {
        const log = logOf(payloads);
        fc.pre(log.length > 0);
        const bit = seed % (8 * log.length);
        log[bit >> 3] = (log[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        const { goodBytes, payloads: got } = decodeAll(log);
        expect(goodBytes).toBeLessThanOrEqual(bit >> 3);
        expect(got).toEqual(payloads.slice(0, got.length));
        expect(logOf(got).length).toBe(goodBytes);
      }),
    );
  });

  test('a tail of zeros, as a power cut leaves it, is no record', () => {
    const log = logOf([Uint8Array.of(7)]);
    expect(decodeAll(Buffer.concat([log, new Uint8Array(100)]))).toEqual({ goodBytes: log.length, payloads: [Uint8Array.of(7)] });
  });

  test('the head tells kinds, versions and cut files apart', () => {
    const head = encodeLogHead('shoalJN', 1);
    expect(hasLogHead(head, 'shoalJN', 1)).toBe(true);
    expect(hasLogHead(head, 'shoalJN', 2)).toBe(false);
    expect(hasLogHead(head, 'shoalHC', 1)).toBe(false);
    expect(hasLogHead(head.subarray(0, 7), 'shoalJN', 1)).toBe(false);
  });

  test('a reader learns how much a frame needs, at the limit and one past it', () => {
    const frame = new Uint8Array(FRAME_HEAD_BYTES);
    const view = new DataView(frame.buffer);
    expect(frameLength(frame.subarray(0, FRAME_HEAD_BYTES - 1))).toBe(FRAME_HEAD_BYTES);
    view.setUint32(0, RECORD_MAX_BYTES);
    expect(frameLength(frame)).toBe(FRAME_HEAD_BYTES + RECORD_MAX_BYTES);
    view.setUint32(0, RECORD_MAX_BYTES + 1);
    expect(frameLength(frame)).toBeUndefined();
  });
});
