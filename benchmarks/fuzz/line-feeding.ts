/** Bytes cut into lines as a connection cuts them, in several ways that must agree. */
import { SimRandom } from '../../common/sim/sim-random.js';
import { type LineEvent, LineSplitter } from '../../common/wire/line-splitter.js';
import { law, same, seedOf } from './target.js';

/** `bytes` in up to five pieces, the same for the same bytes; a short input now and then byte by byte. */
export function piecesOf(bytes: Uint8Array): Uint8Array[] {
  const random = new SimRandom(seedOf(bytes));
  if (bytes.length <= 64 && random.below(4) === 0) return Array.from(bytes, (_byte, at) => bytes.subarray(at, at + 1));
  const cuts = [0, bytes.length];
  for (let left = 1 + random.below(4); left > 0; left -= 1) cuts.push(random.below(bytes.length + 1));
  cuts.sort((left, right) => left - right);
  return cuts.slice(1).map((end, at) => bytes.subarray(cuts[at], end));
}

/** The lines of an input, fed whole and fed in pieces whose memory is used anew after each. */
export function lineEventsOf(input: Uint8Array): LineEvent[] {
  const whole: LineEvent[] = [];
  new LineSplitter().push(input, (event) => whole.push(event));
  const pieces: LineEvent[] = [];
  const splitter = new LineSplitter();
  for (const piece of piecesOf(input)) {
    const memory = new Uint8Array(piece);
    splitter.push(memory, (event) => pieces.push(event));
    memory.fill(0xee);
  }
  same(whole.length, pieces.length, 'lines fed whole and in pieces are as many');
  for (const [at, event] of whole.entries()) {
    const other = pieces[at];
    same(event.kind, other?.kind, 'lines fed whole and in pieces are of one kind');
    if (event.kind !== 'line') continue;
    same(event.text, other?.kind === 'line' ? other.text : undefined, 'lines fed whole and in pieces are equal');
    law(!event.text.includes('\n') && event.text.length < 4096, 'a line is short, and one line');
  }
  return whole;
}

/** What became of the first lines of an input: `read` judges each line that is one and not empty. */
export function lineVerdicts(input: Uint8Array, read: (line: string) => string): string {
  let verdicts = '';
  let count = 0;
  for (const event of lineEventsOf(input)) {
    if (event.kind === 'line' && event.text === '') continue;
    const verdict = event.kind === 'line' ? read(event.text) : event.kind;
    count += 1;
    if (count <= 8) verdicts += `${count > 1 ? ' ' : ''}${verdict}`;
  }
  return verdicts;
}
