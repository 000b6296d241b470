/**
 * Framing of append-only logs (resume journal, hash cache). Pure: bytes in, records out.
 *
 *     file  = head frame*
 *     head  = 7 ASCII bytes that name the kind of log ‖ version as u8
 *     frame = payload length as u32 BE ‖ first 8 bytes of H(payload) ‖ payload
 *
 * A log ends where its first frame does not check: a torn append, a hole that a power cut left, or garbage. What is before that
 * place is good, and the next append belongs there. Nothing is allocated by a claimed length.
 */
import { invariant } from './errors.js';
import type { HashFunction } from './hash.js';
import { RECORD_MAX_BYTES } from './limits.js';

/** Bytes at the beginning of every log. */
export const LOG_HEAD_BYTES = 8;

const CHECKSUM_BYTES = 8;

/** Bytes of a frame before its payload. */
export const FRAME_HEAD_BYTES = 4 + CHECKSUM_BYTES;

/** The head of a log: `magic` is 7 ASCII characters, `version` 0 to 255. */
export function encodeLogHead(magic: string, version: number): Uint8Array {
  invariant(/^[\x21-\x7e]{7}$/.test(magic) && Number.isInteger(version) && version >= 0 && version <= 255, 'a log head fits');
  return Uint8Array.from([...magic].map((char) => char.charCodeAt(0)).concat(version));
}

/** Whether `bytes` begin with this head. False for another kind, another version, and a file cut within its head. */
export function hasLogHead(bytes: Uint8Array, magic: string, version: number): boolean {
  return bytes.length >= LOG_HEAD_BYTES && Buffer.compare(bytes.subarray(0, LOG_HEAD_BYTES), encodeLogHead(magic, version)) === 0;
}

/** One record as it is appended. The result is fresh memory. */
export function encodeFrame(payload: Uint8Array, hash: HashFunction): Uint8Array {
  invariant(payload.length <= RECORD_MAX_BYTES, 'a record fits');
  const frame = new Uint8Array(FRAME_HEAD_BYTES + payload.length);
  new DataView(frame.buffer).setUint32(0, payload.length);
  frame.set(hash(payload).subarray(0, CHECKSUM_BYTES), 4);
  frame.set(payload, FRAME_HEAD_BYTES);
  return frame;
}

/**
 * Decodes as many good frames as there are from the start of `bytes` (which is past the head) and returns how many bytes they take:
 * where the good part ends. The payload given to `onFrame` is a view of `bytes`.
 */
export function decodeFrames(bytes: Uint8Array, hash: HashFunction, onFrame: (payload: Uint8Array) => void): number {
  let at = 0;
  for (;;) {
    const rest = bytes.subarray(at);
    const frameBytes = frameLength(rest);
    if (frameBytes === undefined || frameBytes > rest.length) return at;
    const payload = rest.subarray(FRAME_HEAD_BYTES, frameBytes);
    if (Buffer.compare(hash(payload).subarray(0, CHECKSUM_BYTES), rest.subarray(4, FRAME_HEAD_BYTES)) !== 0) return at;
    onFrame(payload);
    at += frameBytes;
  }
}

/**
 * Bytes of the frame that `bytes` begin with, for readers that read piece by piece: they need as many to decode it. FRAME_HEAD_BYTES
 * while its length is not there yet; `undefined` where it claims more than `maxBytes` of payload, which is garbage.
 */
export function frameLength(bytes: Uint8Array, maxBytes: number = RECORD_MAX_BYTES): number | undefined {
  if (bytes.length < FRAME_HEAD_BYTES) return FRAME_HEAD_BYTES;
  const payloadBytes = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
  return payloadBytes > maxBytes ? undefined : FRAME_HEAD_BYTES + payloadBytes;
}
