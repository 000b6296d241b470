/** Which bytes of a content a person asks for, as in an HTTP `Range`: `A-B` (both included), `A-` (to the end), `-N` (the last N). Pure. */
import type { ByteSpan } from '../../common/core/chunks.js';
import { ShoalError } from '../../common/core/errors.js';
import { parseCount } from '../../common/wire/tokens.js';

export type ByteRange =
  | { readonly from: 'start'; readonly first: number; readonly last: number | undefined }
  | { readonly from: 'end'; readonly count: number };

/** Throws `USAGE`. */
export function parseByteRange(text: string): ByteRange {
  const [, firstText = '', lastText = ''] = /^([0-9]*)-([0-9]*)$/.exec(text) ?? [];
  const [first, last] = [firstText, lastText].map((digits) => parseCount(digits, Number.MAX_SAFE_INTEGER));
  if (firstText === '' && last !== undefined && last > 0) return { from: 'end', count: last };
  if (first !== undefined && (lastText === '' || (last !== undefined && last >= first))) return { from: 'start', first, last };
  const example = '0-99 (the first hundred bytes), 100- (what follows), -100 (the last hundred)';
  throw new ShoalError('USAGE', 'local', `--range takes ${example}, not "${text}".`);
}

/** The bytes that a range means in a content; all of them without one. Throws `USAGE` where it begins behind the end. */
export function spanOfRange(range: ByteRange | undefined, sizeBytes: number): ByteSpan {
  if (range === undefined) return { offset: 0, lengthBytes: sizeBytes };
  if (range.from === 'end') {
    const lengthBytes = Math.min(range.count, sizeBytes);
    return { offset: sizeBytes - lengthBytes, lengthBytes };
  }
  const { first, last = Number.MAX_SAFE_INTEGER } = range;
  if (first >= sizeBytes)
    throw new ShoalError(
      'USAGE',
      'local',
      `The range begins at byte ${first}, and there are ${sizeBytes} bytes, counted from 0.`,
    );
  return { offset: first, lengthBytes: Math.min(last, sizeBytes - 1) - first + 1 };
}
