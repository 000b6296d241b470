/** The control socket: the codec, who may open it, and how requests end. */
import { chmod, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { asShoalError, ShoalError } from '../../common/core/errors.js';
import { CONTROL_LINE_MAX_CHARS } from '../../common/core/limits.js';
import { realClock } from '../../common/node/clock.js';
import { anyJunk } from '../../common/testkit/arbitraries.js';
import { RawClient } from '../testkit/raw-client.js';
import { ControlClient } from './control-client.js';
import {
  CONTROL_VERSION,
  ControlLines,
  type ControlRequest,
  formatControl,
  type Hello,
  type Json,
  parseControlReply,
  parseControlRequest,
} from './control-protocol.js';
import { type ControlDesk, ControlServer } from './control-server.js';
import { controlPathOf, stateFolderOf } from './serve-paths.js';

const settings = {
  trackers: [],
  host: '0.0.0.0',
  port: 0,
  announce: null,
  limits: '',
  hash: 'blake3',
  isFolderOnly: false,
  isUdp: false,
};
const hello: Hello = { protocol: CONTROL_VERSION, version: '1.2.3', pid: 4711, settings };

const anyRequest: fc.Arbitrary<ControlRequest> = fc.oneof(
  fc.record({
    request: fc.constantFrom('status' as const, 'list' as const, 'stats' as const, 'stop' as const, 'cancel' as const),
  }),
  fc.record({ request: fc.constant('unshare' as const), name: fc.string(), path: fc.string() }),
  fc.record({ request: fc.constant('share' as const), paths: fc.array(fc.string({ unit: 'binary' })), isKept: fc.boolean() }),
  fc.record({
    request: fc.constant('push' as const),
    path: fc.string(),
    to: fc.array(fc.string()),
    group: fc.option(fc.string()),
    timeoutMs: fc.nat(),
  }),
  fc.record({
    request: fc.constant('fetch' as const),
    what: fc.string({ unit: 'binary' }),
    trackers: fc.array(fc.string()),
    out: fc.option(fc.string()),
    directory: fc.string(),
    isOverwrite: fc.boolean(),
    isFresh: fc.boolean(),
    patienceMs: fc.nat(),
    isKept: fc.boolean(),
  }),
);

describe('control protocol', () => {
  test('requests come out as they went in, however the text is cut', () => {
    fc.assert(
      fc.property(fc.array(anyRequest), fc.array(fc.nat({ max: 200 })), (requests, cuts) => {
        const text = requests.map(formatControl).join('');
        const lines = new ControlLines();
        const found: ControlRequest[] = [];
        let at = 0;
        for (const cut of [...cuts, text.length]) {
          lines.push(text.slice(at, at + cut), (line) => found.push(parseControlRequest(line)));
          at += cut;
        }
        expect(found).toEqual(requests);
      }),
    );
  });

  test('junk is refused with a code, on both sides', () => {
    const codeOf = (parse: () => unknown) => {
      try {
        parse();
        return 'taken';
      } catch (error) {
        return asShoalError(error).code;
      }
    };
    fc.assert(
      fc.property(
        fc.oneof(
          anyJunk,
          fc.json(),
          fc.object().map((raw) => JSON.stringify(raw)),
        ),
        (line) => {
          expect(['BAD_REQUEST', 'UNKNOWN_COMMAND']).toContain(codeOf(() => parseControlRequest(line)));
          expect(['PROTOCOL', 'taken']).toContain(codeOf(() => parseControlReply(line)));
        },
      ),
    );
    expect(codeOf(() => parseControlRequest('{"request":"dance"}'))).toBe('UNKNOWN_COMMAND');
    expect(codeOf(() => parseControlRequest('{"request":"share","paths":[1],"isKept":true}'))).toBe('BAD_REQUEST');
    for (const timeoutMs of ['-1', '-0', '0.5', '1e400'])
      expect(
        codeOf(() => parseControlRequest(`{"request":"push","path":"/a","to":[],"group":null,"timeoutMs":${timeoutMs}}`)),
      ).toBe('BAD_REQUEST');
    expect(codeOf(() => parseControlReply('{"hello":{"protocol":1}}'))).toBe('PROTOCOL');
  });

  test('a line has an end', () => {
    const lines = new ControlLines();
    expect(() => lines.push('x'.repeat(CONTROL_LINE_MAX_CHARS + 1), () => undefined)).toThrow(/at most/);
  });
});

test('a state folder of its own brings a socket of its own', () => {
  expect(controlPathOf({ XDG_RUNTIME_DIR: '/run/user/7' }, 'linux')).toBe('/run/user/7/shoal/peer.sock');
  expect(controlPathOf({ XDG_RUNTIME_DIR: '/run/user/7', SHOAL_STATE_DIR: '/s' }, 'linux')).toBe('/s/run/peer.sock');
  expect(controlPathOf({}, 'linux')).toBe(join(stateFolderOf({}), 'run', 'peer.sock'));
  const pipes = ['/s', '/t'].map((folder) => controlPathOf({ SHOAL_STATE_DIR: folder }, 'win32'));
  expect(pipes[0]).toMatch(/^\\\\\.\\pipe\\shoal-peer-[0-9a-f]{16}$/);
  expect(pipes[0]).not.toBe(pipes[1]);
});

describe('control socket', () => {
  let folder: string;
  let path: string;
  let server: ControlServer | undefined;
  let aborted: string[];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'shoal-control-'));
    path = join(folder, 'run', 'peer.sock');
    aborted = [];
  });
  afterEach(async () => {
    await server?.stop();
    server?.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** Answers `status`, counts for `stats`, refuses `list`, and keeps `unshare` until it is given up. */
  const desk: ControlDesk = {
    hello,
    async answer(request, session): Promise<Json> {
      if (request.request === 'stats') for (let count = 1; count <= 3; count += 1) session.event({ count });
      if (request.request === 'list') throw new ShoalError('NOT_FOUND', 'local', 'Nothing is here.');
      if (request.request !== 'unshare') return { asked: request.request };
      session.event({ begun: true });
      await new Promise((resolve) => session.signal.addEventListener('abort', resolve, { once: true }));
      aborted.push((session.signal.reason as ShoalError).code);
      throw session.signal.reason;
    },
  };

  const listen = async () => {
    server = await ControlServer.listen(path, desk);
    return server;
  };
  const connectTo = async () => {
    const client = await ControlClient.connect(path, realClock);
    if (client === undefined) throw new Error('nobody listens');
    return client;
  };
  const modeOf = async (one: string) => (await stat(one)).mode & 0o777;

  test('only its user can open it, and it is gone with the server', async () => {
    await mkdir(dirname(path), { mode: 0o755 });
    await listen();
    expect([await modeOf(dirname(path)), await modeOf(path)]).toEqual([0o700, 0o600]);
    await server?.stop();
    await expect(stat(path)).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await ControlClient.connect(path, realClock)).toBeUndefined();
  });

  test('requests follow each other on one connection, with events, results and errors', async () => {
    await listen();
    const client = await connectTo();
    expect(client.hello).toEqual(hello);
    const events: Json[] = [];
    expect(await client.ask({ request: 'stats' }, { onEvent: (event) => events.push(event) })).toEqual({ asked: 'stats' });
    expect(events).toEqual([{ count: 1 }, { count: 2 }, { count: 3 }]);
    await expect(client.ask({ request: 'list' })).rejects.toMatchObject({ code: 'NOT_FOUND', message: 'Nothing is here.' });
    expect(await client.ask({ request: 'status' })).toEqual({ asked: 'status' });
    client.close();
  });

  test('a request ends when its command gives it up, goes away, or the node stops', async () => {
    await listen();
    const begun = async (signal?: AbortSignal) => {
      const client = await connectTo();
      let asked: Promise<unknown> = Promise.resolve();
      await new Promise<void>((resolve) => {
        const onEvent = () => resolve();
        asked = client.ask({ request: 'unshare', name: '', path: '' }, signal === undefined ? { onEvent } : { onEvent, signal });
        asked.catch(() => undefined);
      });
      return { client, asked };
    };
    const stop = new AbortController();
    const first = await begun(stop.signal);
    stop.abort(new ShoalError('INTERRUPTED', 'local', 'By the test.'));
    await expect(first.asked).rejects.toMatchObject({ message: 'By the test.' });
    const second = await begun();
    second.client.close();
    await expect(second.asked).rejects.toMatchObject({ code: 'NETWORK' });
    const third = await begun();
    await server?.stop();
    await expect(third.asked).rejects.toMatchObject({ code: 'STOPPED' });
    server?.close();
    await third.client.ended();
    expect(aborted).toEqual(['INTERRUPTED', 'STOPPED', 'STOPPED']);
    first.client.close();
  });

  test('the socket of a dead process is replaced, that of a living one is not', async () => {
    await mkdir(dirname(path), { mode: 0o700 });
    await writeFile(path, 'what was left');
    await listen();
    await expect(ControlServer.listen(path, desk)).rejects.toMatchObject({ code: 'USAGE' });
    expect((await connectTo()).hello.pid).toBe(4711);
  });

  test('what others may have put there is not talked to', async () => {
    await listen();
    await chmod(dirname(path), 0o777);
    await expect(ControlClient.connect(path, realClock)).rejects.toMatchObject({ code: 'DENIED' });
    await chmod(dirname(path), 0o700);
    await writeFile(join(dirname(path), 'file'), '');
    expect(await ControlClient.connect(join(dirname(path), 'file'), realClock)).toBeUndefined();
  });

  test('a stranger who speaks nonsense is told so and cut off; the others go on', async () => {
    await listen();
    const other = await connectTo();
    const stranger = new RawClient(path);
    expect(await stranger.line()).toContain('"hello"');
    stranger.socket.write('GET / HTTP/1.1\r\n\r\n');
    expect(JSON.parse(await stranger.line())).toMatchObject({ error: { code: 'BAD_REQUEST' } });
    await stranger.closed();
    stranger.socket.destroy();
    expect(await other.ask({ request: 'status' })).toEqual({ asked: 'status' });
    other.close();
  });

  test('a node of another version, or one that hangs, is told as such', async () => {
    server = await ControlServer.listen(path, { ...desk, hello: { ...hello, protocol: CONTROL_VERSION + 1 } });
    await expect(ControlClient.connect(path, realClock)).rejects.toMatchObject({
      code: 'PROTOCOL',
      message: expect.stringContaining('4711'),
    });
    const setTimer = (_name: string, _delayMs: number, run: () => void) => {
      run();
      return { cancel: () => undefined };
    };
    const impatient = { nowMs: () => 0, setTimer };
    await expect(ControlClient.connect(path, impatient)).rejects.toMatchObject({ code: 'NETWORK' });
  });
});
