/**
 * The one door to msgpackr. What others sent is walked before it is decoded: depth, number of values, every claimed length against
 * the bytes that are there, text that is UTF-8, no extension types, nothing after the end. So the decoder behind it never sees a hostile
 * document, and never turns two texts into one by replacing what it cannot read.
 *
 * Maps decode to `Map`, binary values to views of the input (copy what outlives it).
 */
import { isUtf8 } from 'node:buffer';
import { Packr, Unpackr } from 'msgpackr';
import { protocolError } from '../core/errors.js';
import { MSGPACK_DEPTH_MAX_COUNT, MSGPACK_VALUES_MAX_COUNT } from '../core/limits.js';

const packr = new Packr({ useRecords: false, encodeUndefinedAsNil: true } as object);
const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: false, int64AsType: 'number' } as object);

/** Encodes plain objects, arrays, strings, numbers, booleans, null and Uint8Array. The result is the caller's own. */
export function packMsgpack(value: unknown): Uint8Array {
  // Packed outputs may share one pooled buffer with others: a copy can be kept, transferred and written later.
  return new Uint8Array(packr.pack(value));
}

/** Decodes one document that fills `bytes` exactly. Throws `PROTOCOL`. */
export function unpackMsgpack(bytes: Uint8Array): unknown {
  checkStructure(bytes);
  try {
    return unpackr.unpack(bytes);
  } catch (error) {
    throw protocolError(`Bad msgpack: ${String((error as { message?: unknown })?.message ?? error).slice(0, 100)}.`);
  }
}

/** What a value's head says: how many bytes of payload and how many values follow it, and whether the payload is text. */
interface Head {
  readonly headBytes: number;
  readonly payloadBytes: number;
  readonly childCount: number;
  readonly isText: boolean;
}

function checkStructure(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // One entry a level: how many values are still to come there.
  const open: number[] = [1];
  let at = 0;
  let values = 0;
  while (open.length > 0) {
    const left = open[open.length - 1] ?? 0;
    if (left === 0) {
      open.pop();
      continue;
    }
    open[open.length - 1] = left - 1;
    values += 1;
    if (values > MSGPACK_VALUES_MAX_COUNT) throw protocolError('Bad msgpack: too many values.');
    const head = readHead(view, at);
    at += head.headBytes + head.payloadBytes;
    // Each value takes a byte at least, so a count beyond the rest is a lie and need not be walked.
    if (at > bytes.length || head.childCount > bytes.length - at) throw protocolError('Bad msgpack: it ends too early.');
    if (head.isText && !isText(bytes.subarray(at - head.payloadBytes, at)))
      throw protocolError('Bad msgpack: a text is not UTF-8.');
    if (head.childCount > 0) {
      if (open.length > MSGPACK_DEPTH_MAX_COUNT) throw protocolError('Bad msgpack: nested too deeply.');
      open.push(head.childCount);
    }
  }
  if (at !== bytes.length) throw protocolError('Bad msgpack: there is more after its end.');
}

function isText(bytes: Uint8Array): boolean {
  // Most texts are short and ASCII, and looking at them here is faster than the call.
  for (let at = 0; at < bytes.length && at < 64; at += 1) if ((bytes[at] ?? 0) > 0x7f) return isUtf8(bytes);
  return bytes.length <= 64 || isUtf8(bytes);
}

/** Sizes of the value that begins at `at`, by the msgpack specification's table of formats. */
function readHead(view: DataView, at: number): Head {
  if (at >= view.byteLength) throw protocolError('Bad msgpack: it ends too early.');
  const type = view.getUint8(at);
  const plain = (headBytes: number, payloadBytes = 0, childCount = 0): Head => ({
    headBytes,
    payloadBytes,
    childCount,
    isText: false,
  });
  const text = (headBytes: number, payloadBytes: number): Head => ({ headBytes, payloadBytes, childCount: 0, isText: true });
  const length = (width: 1 | 2 | 4): number => {
    if (at + 1 + width > view.byteLength) throw protocolError('Bad msgpack: it ends too early.');
    return width === 1 ? view.getUint8(at + 1) : width === 2 ? view.getUint16(at + 1) : view.getUint32(at + 1);
  };
  if (type <= 0x7f || type >= 0xe0) return plain(1);
  if (type <= 0x8f) return plain(1, 0, 2 * (type & 0x0f));
  if (type <= 0x9f) return plain(1, 0, type & 0x0f);
  if (type <= 0xbf) return text(1, type & 0x1f);
  switch (type) {
    case 0xc0:
    case 0xc2:
    case 0xc3:
      return plain(1);
    case 0xc4:
      return plain(2, length(1));
    case 0xd9:
      return text(2, length(1));
    case 0xc5:
      return plain(3, length(2));
    case 0xda:
      return text(3, length(2));
    case 0xc6:
      return plain(5, length(4));
    case 0xdb:
      return text(5, length(4));
    case 0xca:
    case 0xce:
    case 0xd2:
      return plain(5);
    case 0xcb:
    case 0xcf:
    case 0xd3:
      return plain(9);
    case 0xcc:
    case 0xd0:
      return plain(2);
    case 0xcd:
    case 0xd1:
      return plain(3);
    case 0xdc:
      return plain(3, 0, length(2));
    case 0xdd:
      return plain(5, 0, length(4));
    case 0xde:
      return plain(3, 0, 2 * length(2));
    case 0xdf:
      return plain(5, 0, 2 * length(4));
    default:
      throw protocolError('Bad msgpack: extension types are not allowed.');
  }
}
