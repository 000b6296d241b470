import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { LINE_MAX_BYTES } from '../core/limits.js';
import { eventsHoweverCut, eventsOf } from '../testkit/codec-kit.js';
import { type LineEvent, LineSplitter } from './line-splitter.js';

const make = (): LineSplitter => new LineSplitter();
const line = (text: string): LineEvent => ({ kind: 'line', text });

function read(text: string | Uint8Array): LineEvent[] {
  return eventsHoweverCut(make, Buffer.from(text), Buffer.from('LOOKUP later\n'));
}

describe('LineSplitter', () => {
  test.each<[string, string, LineEvent[]]>([
    ['one line', 'a b\n', [line('a b')]],
    ['many in one piece', 'a\nb\n\nc\n', [line('a'), line('b'), line(''), line('c')]],
    ['CR LF', 'a\r\n\r\n', [line('a'), line('')]],
    ['a lone CR, which ends nothing', 'a\rb\n', [line('a\rb')]],
    ['two CRs, of which one is dropped', 'a\r\r\n', [line('a\r')]],
    ['spaces and tabs, which stay for the parser to refuse', 'a \t\n', [line('a \t')]],
    ['letters of two, three and four bytes', 'é→🐟\n', [line('é→🐟')]],
    ['a byte order mark, which stays', '\ufeffa\n', [line('\ufeffa')]],
  ])('TW3, TW4: reads %s, however it is cut', (_, text, events) => {
    expect(read(text)).toEqual(events);
  });

  test.each([
    ['a lone continuation byte', [0x80]],
    ['an overlong slash', [0xc0, 0xaf]],
    ['a surrogate', [0xed, 0xa0, 0x80]],
    ['a letter cut short', [0xc3]],
  ])('TW14: reports %s and goes on', (_, bytes) => {
    expect(read(Uint8Array.of(0x61, ...bytes, 0x0a, 0x62, 0x0a))).toEqual([{ kind: 'not-utf8' }, line('b')]);
  });

  test('TW1: takes a line at its limit with the LF, reports one byte more once, and is dead then', () => {
    const longest = 'x'.repeat(LINE_MAX_BYTES - 1);
    expect(read(`${longest}\n`)).toEqual([line(longest)]);
    expect(eventsHoweverCut(make, Buffer.from(`a\n${longest}x\nb\n`))).toEqual([line('a'), { kind: 'too-long' }]);
  });

  test('TW1: holds less than a line of a stream without one', () => {
    const splitter = make();
    const events: LineEvent[] = [];
    const flood = new Uint8Array(65_536).fill(0x78);
    for (let piece = 0; piece < 100; piece += 1) splitter.push(flood, (event) => events.push(event));
    expect(events).toEqual([{ kind: 'too-long' }]);
    expect(splitter.isMidLine).toBe(false);
  });

  test('says whether a line has begun', () => {
    const splitter = make();
    const states = ['', 'a', 'b\n', 'c\nd', '\n'].map((piece) => {
      splitter.push(Buffer.from(piece), () => undefined);
      return splitter.isMidLine;
    });
    expect(states).toEqual([false, true, false, true, false]);
  });

  test('gives nothing more once it is killed, even from within a line', () => {
    const splitter = make();
    const events: LineEvent[] = [];
    splitter.push(Buffer.from('a\nb\n'), (event) => {
      events.push(event);
      splitter.kill();
    });
    splitter.push(Buffer.from('c\n'), (event) => events.push(event));
    expect(events).toEqual([line('a')]);
  });

  test('gives the same events for any bytes, however they are cut', () => {
    const bytes = fc.uint8Array({ maxLength: 60 }).map((raw) => raw.map((byte) => (byte % 5 === 0 ? 0x0a : byte)));
    fc.assert(fc.property(bytes, (input) => eventsHoweverCut(make, input).length >= 0));
  });

  test('gives back any lines that were joined', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 40 }).filter((one) => !/[\r\n]/.test(one));
    fc.assert(
      fc.property(fc.array(text, { maxLength: 10 }), (lines) => {
        expect(eventsOf(make, [Buffer.from(lines.map((one) => `${one}\n`).join(''))])).toEqual(lines.map(line));
      }),
    );
  });
});
