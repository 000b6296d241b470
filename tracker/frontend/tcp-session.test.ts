import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  BAD_LINES_MAX_COUNT,
  LINE_DEADLINE_MS,
  LINE_MAX_BYTES,
  TRACKER_IDLE_MS,
  TRACKER_LINGER_MAX_BYTES,
  TRACKER_LINGER_MS,
  TRACKER_OUTPUT_PAUSE_BYTES,
  TRACKER_OUTPUT_STALL_MS,
  TRACKER_TURN_LINES_COUNT,
  TRACKER_TURN_MS,
} from '../../common/core/limits.js';
import { SessionBench } from '../testkit/session-bench.js';

const SCRIPT = [
  'REGISTER caf%C3%A9.bin 10 *:5000 load=5\r\n',
  'LOOKUP café.bin\n',
  '\r\n\n',
  'register b 1048577 *:5000 have=1\n',
  'lookup b max=1\n',
  'LOOKUP  b\n',
  'LOOKUP b \n',
  'LOOKUP\tb\n',
  'LOOKUP b\rLOOKUP b\n',
  'REGISTER a b.bin 10 192.0.2.7:5\n',
  'ALIVE *:5000\n',
  'UNREGISTER *:5000\n',
  'LOOKUP b\n',
].join('');

const ANSWERS = [
  /^OK interval=30 ttl=60 address=192\.0\.2\.7:5000$/,
  /^OK 1$/,
  /^192\.0\.2\.7:5000 10 - load=5$/,
  /^OK interval=30 ttl=60 address=192\.0\.2\.7:5000$/,
  /^OK 1$/,
  /^192\.0\.2\.7:5000 1048577 - have=1 load=5$/,
  ...new Array(5).fill(/^ERR BAD_REQUEST /),
  /^OK interval=30 ttl=60$/,
  /^OK 2$/,
  /^OK 0$/,
];

function play(pieces: readonly Uint8Array[]): string {
  const bench = new SessionBench();
  for (const piece of pieces) {
    bench.send(piece);
    bench.settle();
  }
  return bench.stream.output;
}

describe('tracker session', () => {
  const script = Buffer.from(SCRIPT);
  const whole = play([script]);

  test('TW4, TW5: one reading of CR, spaces, tabs, empty lines and lower case; one reply for each request', () => {
    const lines = whole.split('\n').slice(0, -1);
    expect(lines).toHaveLength(ANSWERS.length);
    lines.forEach((line, at) => {
      expect(line).toMatch(ANSWERS[at] ?? /^never$/);
    });
  });

  test('TW3: byte by byte, and split at every place, the answers are the same', () => {
    expect(play([...script].map((byte) => Uint8Array.of(byte)))).toBe(whole);
    for (let at = 0; at <= script.length; at += 1) expect(play([script.subarray(0, at), script.subarray(at)])).toBe(whole);
  });

  test('TW3: cut anywhere any number of times, the answers are the same', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(script.length)), (cuts) => {
        const ends = [0, ...cuts.sort((a, b) => a - b), script.length];
        expect(play(ends.slice(1).map((end, at) => script.subarray(ends[at], end)))).toBe(whole);
      }),
    );
  });

  test('TW3: 1,000 commands in one segment are answered in order, in turns, with a write a turn', () => {
    const bench = new SessionBench();
    const segment = Array.from({ length: 1000 }, (_, at) => `REGISTER f${at} 1 *:${at + 1}\n`).join('');
    bench.send(segment);
    expect(bench.stream.output.split('\n')).toHaveLength(TRACKER_TURN_LINES_COUNT + 1);
    expect(bench.stream.isPaused).toBe(true);
    bench.settle();
    expect(bench.stream.isPaused).toBe(false);
    expect(bench.stream.writeCount).toBe(Math.ceil(1000 / TRACKER_TURN_LINES_COUNT));
    const ports = bench.stream.output.match(/[0-9]+$/gm);
    expect(ports).toEqual(Array.from({ length: 1000 }, (_, at) => String(at + 1)));
  });

  test('TW17: a client that does not read is not read from, is owed a bounded reply, and is dropped when it stalls', () => {
    const bench = new SessionBench();
    for (let port = 1; port <= 100; port += 1) bench.send(`REGISTER f 1 *:${port}\n`);
    bench.stream.takes = false;
    const segment = 'LOOKUP f max=100\n'.repeat(2000);
    bench.send(segment);
    bench.settle();
    expect(bench.isWaiting).toBe(true);
    expect(bench.stream.isPaused).toBe(true);
    expect(bench.stream.queuedBytes).toBeLessThan(2 * TRACKER_OUTPUT_PAUSE_BYTES + 16_384);
    bench.sweepAfter(TRACKER_OUTPUT_STALL_MS - 1);
    expect(bench.stream.isDestroyed).toBe(false);
    bench.sweepAfter(1);
    expect(bench.stream.isDestroyed).toBe(true);
  });

  test('a client that reads late gets every reply', () => {
    const bench = new SessionBench();
    bench.send('REGISTER f 1 *:5000\n');
    bench.stream.output = '';
    bench.stream.takes = false;
    bench.send('LOOKUP f\n'.repeat(10_000));
    bench.settle();
    bench.session.ended();
    for (let run = 0; run < 100 && !bench.stream.isEnded; run += 1) {
      bench.stream.queuedBytes = 0;
      bench.session.drained();
      bench.settle();
    }
    expect(bench.stream.output).toBe('OK 1\n192.0.2.7:5000 1 -\n'.repeat(10_000));
    expect(bench.stream.isEnded).toBe(true);
  });

  test('TW1: a line of 4,096 bytes is read, one more is refused once and closes', () => {
    const fits = new SessionBench();
    fits.send(`${'x'.repeat(LINE_MAX_BYTES - 1)}\n`);
    expect(fits.stream.output).toMatch(/^ERR UNKNOWN_COMMAND .*\n$/);
    const bench = new SessionBench();
    bench.send(`LOOKUP a\n${'x'.repeat(LINE_MAX_BYTES - 1)}`);
    bench.send('y\nLOOKUP a\n');
    bench.send('LOOKUP a\n');
    expect(bench.stream.output).toMatch(/^OK 0\nERR TOO_LONG [^\n]*\n$/);
    expect(bench.stream.isEnded).toBe(true);
    expect(bench.stream.isDestroyed).toBe(false);
    bench.send(new Uint8Array(TRACKER_LINGER_MAX_BYTES));
    expect(bench.stream.isDestroyed).toBe(true);
  });

  test('TW2: a line must end within its deadline, counted from its first byte and reset by none', () => {
    const bench = new SessionBench();
    bench.send('LOOKUP a\nL');
    for (let ms = 1000; ms < LINE_DEADLINE_MS; ms += 1000) {
      bench.sweepAfter(1000);
      bench.send('x');
      expect(bench.stream.isEnded).toBe(false);
    }
    bench.sweepAfter(1000);
    expect(bench.stream.output).toMatch(/^OK 0\nERR BAD_REQUEST .*10 s/);
    expect(bench.stream.isEnded).toBe(true);
    bench.sweepAfter(TRACKER_LINGER_MS);
    expect(bench.stream.isDestroyed).toBe(true);
  });

  test('TW2: the deadline is each line’s own', () => {
    const bench = new SessionBench();
    for (let run = 0; run < 10; run += 1) {
      bench.send(run === 0 ? 'LOOK' : 'UP a\nLOOK');
      bench.sweepAfter(LINE_DEADLINE_MS - 1);
    }
    expect(bench.stream.isEnded).toBe(false);
  });

  test('TW19: a few bad lines are answered, too many close', () => {
    const bench = new SessionBench();
    const bad = ['HELO\n', 'LOOKUP\n', Buffer.from([0x4c, 0xff, 0x0a]), '\u0001\u0002\n', 'REGISTER a -1 *:1\n'];
    for (let at = 0; at < BAD_LINES_MAX_COUNT - 1; at += 1) bench.send(bad[at % bad.length] ?? '');
    bench.send('ALIVE *:1\nREGISTER a 1 10.0.0.1:1\nLOOKUP a\n');
    expect(bench.stream.isEnded).toBe(false);
    bench.send('HELO\nLOOKUP a\n');
    expect(bench.stream.isEnded).toBe(true);
    expect(bench.stream.output.trim().split('\n')).toHaveLength(BAD_LINES_MAX_COUNT + 3);
  });

  test.each(['-1', '1e9', '0x10', 'NaN', '9007199254740992', '9'.repeat(400), '01', '+1', '1.0', '٣'])(
    'TW7: the size %s is refused',
    (size) => {
      const bench = new SessionBench();
      bench.send(`REGISTER a ${size} *:5000\n`);
      expect(bench.stream.output).toMatch(/^ERR BAD_REQUEST /);
    },
  );

  test.each(['a%0Ab', 'a%00', '%1B[2J', 'a%C3', '%ED%A0%80', '%C0%AF', 'e%CC%81', 'a%E2%80%AEb', '..', 'a//b', '/a', 'a%5Cb'])(
    'TW6, TW14: the name %s is refused',
    (name) => {
      const bench = new SessionBench();
      bench.send(`REGISTER ${name} 1 *:5000\nLOOKUP ${name}\n`);
      expect(bench.stream.output).toMatch(/^ERR BAD_REQUEST [ -~]*\nERR BAD_REQUEST [ -~]*\n$/);
      expect(bench.registry.counts.entries).toBe(0);
    },
  );

  test('TW16: what was asked before a FIN is answered, then closed; half a line is said to be one', () => {
    const bench = new SessionBench();
    bench.send(`${'LOOKUP a\n'.repeat(500)}LOOK`);
    bench.session.ended();
    expect(bench.stream.isEnded).toBe(false);
    bench.settle();
    expect(bench.stream.output).toMatch(/^(OK 0\n){500}ERR BAD_REQUEST The last line .*\n$/);
    expect(bench.stream.isEnded).toBe(true);
  });

  test('QUIT is answered when everything before it was, also to a client that reads late, and nothing after it is', () => {
    const bench = new SessionBench();
    bench.send('REGISTER f 1 *:5000\n');
    bench.stream.output = '';
    bench.stream.takes = false;
    bench.send(`${'LOOKUP f\n'.repeat(5000)}QUIT\nUNREGISTER *:5000\n`);
    bench.settle();
    expect(bench.stream.isEnded).toBe(false);
    for (let run = 0; run < 100 && !bench.stream.isEnded; run += 1) {
      bench.stream.queuedBytes = 0;
      bench.session.drained();
      bench.settle();
    }
    bench.send('UNREGISTER *:5000\n');
    expect(bench.stream.output).toBe(`${'OK 1\n192.0.2.7:5000 1 -\n'.repeat(5000)}OK\n`);
    expect(bench.stream.isEnded).toBe(true);
    expect(bench.registry.counts.entries).toBe(1);
  });

  test('an idle connection is kept for long, and then closed', () => {
    const bench = new SessionBench();
    bench.sweepAfter(TRACKER_IDLE_MS - 1);
    expect(bench.stream.isEnded).toBe(false);
    bench.sweepAfter(1);
    expect(bench.stream.isEnded).toBe(true);
  });

  test('OV3: a turn of searches that find nothing ends by the clock', () => {
    const bench = new SessionBench();
    bench.registry.search = () => {
      bench.clock.advance(TRACKER_TURN_MS / 2);
      return { rows: [] };
    };
    bench.send('SEARCH x\n'.repeat(9));
    expect(bench.stream.output).toBe('OK 0\n'.repeat(2));
    bench.settle();
    expect({ replies: bench.stream.output, turns: bench.turnCount }).toEqual({ replies: 'OK 0\n'.repeat(9), turns: 4 });
  });

  test('empty lines cost turns too', () => {
    const bench = new SessionBench();
    bench.send('\n'.repeat(10 * TRACKER_TURN_LINES_COUNT));
    bench.settle();
    expect(bench.turnCount).toBeGreaterThanOrEqual(9);
    expect(bench.stream.output).toBe('');
    expect(bench.stream.isPaused).toBe(false);
  });
});
