/**
 * How the name index writes a name: as it is searched for, followed by what is needed to have the name back as it was told.
 *
 * A record is the folded name, then marks that tell which of its letters were capitals, then NUL. Marks and NUL are control characters,
 * which neither a name nor a search may hold, so a search in the bytes of many records never finds anything but a part of one name.
 * Four letters make a mark, and the last marks are left out where they tell of no capital: most names cost a few bytes, or none.
 */
import type { FileName } from '../../common/core/file-name.js';
import { fold } from '../../common/core/fold.js';

/** In place of marks: folding changed the name in another way, and it must be kept beside the record. */
const ODD = '\u0001';
const END = '\u0000';
/** A mark is this and a bit for each of four letters. */
const MARK = 0x10;
/** Bytes below this are not part of a name. */
export const NAME_BYTE_MIN = 0x20;

export function recordOf(name: FileName): string {
  const folded = fold(name);
  return folded === name ? folded + END : folded + marksOf(name, folded) + END;
}

/** Whether the name must be kept beside the record. */
export function isOdd(record: string): boolean {
  return record.at(-2) === ODD;
}

/** The name that a record was made of. The record must not be odd. */
export function nameOfRecord(record: string): FileName {
  let end = record.length - 1;
  while (record.charCodeAt(end - 1) < NAME_BYTE_MIN) end -= 1;
  const folded = record.slice(0, end);
  if (end === record.length - 1) return folded as FileName;
  let name = '';
  for (let at = 0; at < end; at += 1) {
    const mark = record.charCodeAt(end + (at >> 2));
    const letter = folded.charAt(at);
    // Behind the last mark comes the end, whose bits are all 0.
    name += (mark & (1 << (at & 3))) === 0 ? letter : letter.toUpperCase();
  }
  return name as FileName;
}

function marksOf(name: FileName, folded: string): string {
  if (name.length !== folded.length) return ODD;
  let marks = '';
  let mark = MARK;
  for (let at = 0; at < name.length; at += 1) {
    if (name.charCodeAt(at) === folded.charCodeAt(at)) continue;
    if (folded.charAt(at).toUpperCase() !== name.charAt(at)) return ODD;
    for (; marks.length < at >> 2; mark = MARK) marks += String.fromCharCode(mark);
    mark |= 1 << (at & 3);
  }
  return marks + String.fromCharCode(mark);
}
